"""Moving a tenant's secrets from one store to another, with proof of equality and of deletion, and nothing lost wherever it is killed.

::

    copy      every live version, oldest first, check-and-set; what a killed attempt copied already is compared, not copied again
    prove     every version of both is read back, and their digests under a salt of this attempt are compared; the salt is kept nowhere
    switch    one transaction of vault.db: from here on the new store is asked
    delete    each secret in the old store, and what is left there is looked at

Until the switch the old store is asked and whole; after it the new one is, and proven equal. While it copies, nothing is written for
this tenant: `StoreUnavailable`, which runs meet by being resumed. Every read of a value is an entry in the tenant's record.

Version numbers are the new store's own: versions that were deleted leave no gap there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from tenantry.errors import Conflict, NotProven, Refused, StoreUnavailable
from tenantry.names import MSP, check_tenant
from tenantry.secretstore import SecretStore, SecretVersion
from tenantry.vault import Placement, Vault

__all__ = ["Moved", "cancel_move", "move"]

Record = Callable[[str, dict[str, Any]], None]
"""``(event, payload)``, of the tenant's record."""


class Moved(BaseModel):
    """What a move came to.

    Attributes:
        secrets: how many, and how many versions of them.
        equal: every version was read from both stores and is the same, facts included.
        deleted: nothing of the tenant's is left in the old store, and it cannot bring it back.
        recoverable_until: until when the old store can.
    """

    tenant: str
    source: str
    target: str
    secrets: int
    versions: int
    equal: bool
    deleted: bool
    recoverable_until: datetime | None = None


def move(vault: Vault, tenant: str, to: str, record: Record) -> Moved:
    """Move a tenant's secrets, or finish the move that was interrupted.

    Args:
        vault: opened with the master key.
        to: the store's name.
        record: told of beginning, proof and end.

    Raises:
        Refused: ``_msp``; another move is unfinished; the new store keeps fewer versions than there are.
        Conflict: the new store holds something else under one of the names.
        NotProven: what was read back differs; nothing was switched or deleted.
        StoreUnavailable, SignInFailed, PermissionMissing: of either store; do it again when it is back.
        InvalidTenant: there is no such store.
    """
    if check_tenant(tenant) == MSP:
        raise Refused(
            "the estate's own secrets stay in the embedded store", remedy="The stores are signed in to with them."
        )
    with vault.alone_with(tenant):
        at = vault.placement(tenant)
        if at.leaving is not None:
            done = _leave(vault, tenant, at, record, None)
            if at.store == to:
                return done
            at = vault.placement(tenant)
        if at.moving_to not in (None, to):
            raise Refused(
                f"the secrets of {tenant} are being moved to {at.moving_to}",
                remedy=f"Finish that with --to {at.moving_to}, or give it up with --cancel.",
            )
        if at.store == to:
            return Moved(
                tenant=tenant,
                source=to,
                target=to,
                secrets=len(vault.list(tenant)),
                versions=0,
                equal=True,
                deleted=True,
            )
        return _carry(vault, tenant, at, to, record)


def _carry(vault: Vault, tenant: str, at: Placement, to: str, record: Record) -> Moved:
    source, target = vault.store(at.store), vault.store(to)
    checked = target.check()
    if not checked.ok:
        raise StoreUnavailable(f"the secret store {to} cannot be used: {' '.join(checked.problems)}")
    if at.moving_to is None:
        _fits(source, target, tenant, to)
        record("vault.move.began", {"from": at.store, "to": to})
        vault.place(tenant, at._replace(moving_to=to))
    names = [found.name for found in source.list(tenant)]
    for name in names:
        _copy(vault, source, target, tenant, name, to)
    versions = _prove(vault, source, target, tenant, names)
    proof = {"from": at.store, "to": to, "secrets": len(names), "versions": versions, "equal": True}
    record("vault.move.proven", proof)
    placed = Placement(to, None, at.store)
    vault.place(tenant, placed)
    return _leave(vault, tenant, placed, record, (len(names), versions))


def _fits(source: SecretStore, target: SecretStore, tenant: str, to: str) -> None:
    for found in source.list(tenant):
        count = len(source.versions(tenant, found.name))
        if target.keeps is not None and count > target.keeps:
            raise Refused(
                f"{found.name} has {count} versions, and {to} keeps {target.keeps}",
                remedy="Delete those that nobody needs with `tenantry vault delete --version N`.",
            )


def _copy(vault: Vault, source: SecretStore, target: SecretStore, tenant: str, name: str, to: str) -> None:
    have = _oldest_first(target, tenant, name)
    wanted = _oldest_first(source, tenant, name)
    newest = have[-1].version if have else 0
    for index, version in enumerate(wanted):
        value = source.get(tenant, name, version.version).value.get_secret_value()
        vault.told(tenant, name, version.version, f"moved to {to}")
        if index < len(have):
            theirs = target.get(tenant, name, have[index].version).value.get_secret_value()
            if not hmac.compare_digest(hashlib.sha256(theirs).digest(), hashlib.sha256(value).digest()):
                raise Conflict(
                    f"{to} holds another secret as {name} of {tenant}", remedy="Look at it there; nothing was changed."
                )
            continue
        newest = target.put(tenant, name, value, version.facts, expect=newest).version


def _prove(vault: Vault, source: SecretStore, target: SecretStore, tenant: str, names: list[str]) -> int:
    """Read everything back; how many versions."""
    salt = secrets.token_bytes(32)
    count = 0
    for name in names:
        ours, theirs = (_digests(store, tenant, name, salt) for store in (source, target))
        if len(ours) != len(theirs) or not all(map(hmac.compare_digest, ours, theirs)):
            raise NotProven(
                f"{name} of {tenant} differs after it was copied",
                remedy="Nothing was switched or deleted; do it again.",
            )
        vault.told(tenant, name, 0, "read back from both stores after a move")
        count += len(ours)
    left_out = {found.name for found in target.list(tenant)} ^ set(names)
    if left_out:
        raise NotProven(
            f"the two stores do not hold the same {len(left_out)} secrets of {tenant}",
            remedy="Something else is stored there for this tenant; look at it, nothing was switched or deleted.",
        )
    return count


def _digests(store: SecretStore, tenant: str, name: str, salt: bytes) -> list[bytes]:
    found = []
    versions = _oldest_first(store, tenant, name)
    for version in versions:
        value = store.get(tenant, name, version.version).value.get_secret_value()
        facts = version.facts.model_dump_json().encode() if version is versions[-1] else b""
        found.append(hmac.new(salt, len(facts).to_bytes(8, "big") + facts + value, hashlib.sha256).digest())
    return found


def _leave(vault: Vault, tenant: str, at: Placement, record: Record, copied: tuple[int, int] | None) -> Moved:
    old = vault.store(str(at.leaving))
    proven, until, gone = True, None, 0
    for found in old.list(tenant):
        done = old.delete(tenant, found.name)
        gone += done.versions
        proven = proven and done.proven
        until = max(filter(None, (until, done.recoverable_until)), default=None)
    proven = proven and not old.list(tenant)
    known = copied or (len(vault.list(tenant)), gone)
    said = {"from": at.leaving, "to": at.store, "versions_gone": gone, "deletion_proven": proven}
    record("vault.moved", said | {"recoverable_until": until.isoformat() if until else None})
    vault.place(tenant, at._replace(leaving=None))
    return Moved(
        tenant=tenant,
        source=str(at.leaving),
        target=at.store,
        secrets=known[0],
        versions=known[1],
        equal=True,
        deleted=proven,
        recoverable_until=until,
    )


def cancel_move(vault: Vault, tenant: str, record: Record) -> int:
    """Give up a move that has not switched yet: the old store stays, and the copies in the new one are deleted as far as it can be
    reached. How many secrets were.

    Raises:
        Refused: there is none, or it has switched already.
    """
    with vault.alone_with(tenant):
        at = vault.placement(tenant)
        if at.moving_to is None:
            raise Refused(
                f"no move of {tenant} waits to be switched", remedy="One that has switched is finished with --to."
            )
        target, gone = vault.store(at.moving_to), 0
        source, problem = vault.store(at.store), None
        try:
            for found in target.list(tenant):
                if _is_copy(vault, source, target, tenant, found.name):
                    target.delete(tenant, found.name)
                    gone += 1
        except StoreUnavailable as error:
            problem = error.code
        record(
            "vault.move.cancelled", {"from": at.store, "to": at.moving_to, "copies_deleted": gone, "problem": problem}
        )
        vault.place(tenant, at._replace(moving_to=None))
        return gone


def _oldest_first(store: SecretStore, tenant: str, name: str) -> list[SecretVersion]:
    return sorted(store.versions(tenant, name), key=lambda version: version.version)


def _is_copy(vault: Vault, source: SecretStore, target: SecretStore, tenant: str, name: str) -> bool:
    """What lies in the new store is as much of the old one as a move had copied: nobody else's."""
    wanted, have = _oldest_first(source, tenant, name), _oldest_first(target, tenant, name)
    if len(have) > len(wanted):
        return False
    vault.told(tenant, name, 0, "compared when a move was given up")
    return all(
        hmac.compare_digest(
            hashlib.sha256(target.get(tenant, name, theirs.version).value.get_secret_value()).digest(),
            hashlib.sha256(source.get(tenant, name, ours.version).value.get_secret_value()).digest(),
        )
        for ours, theirs in zip(wanted, have, strict=False)
    )
