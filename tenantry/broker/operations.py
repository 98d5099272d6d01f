"""What may be asked of the broker, and by whom: each operation with the vault, the people or the record behind it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import SecretStr

from tenantry.alerts.door import Door, intake_key
from tenantry.broker.sessions import Counters, Session
from tenantry.broker.tokens import LIFE, Grant, Role, read, sign
from tenantry.broker.wire import pack, unpack
from tenantry.clock import rfc3339
from tenantry.contacts import Contacts
from tenantry.drop import Drops
from tenantry.errors import InvalidInput, NotFound, OutOfScope
from tenantry.estate import load_estate
from tenantry.home import Home
from tenantry.journal import MSP, Event, Journal, Ledger
from tenantry.masterkey import Passphrase
from tenantry.names import OWN_SECRETS, SecretRef, check_tenant
from tenantry.people import People
from tenantry.secretlife import due_everywhere, limits_of
from tenantry.secretstore import CANDIDATES, Facts, SecretVersion, StoreOpener
from tenantry.signing import RecordSigner
from tenantry.tenants import TenantStore
from tenantry.vault import Vault

__all__ = ["Operations"]

_PARTING: Final = "client_offboarding"
_DUE_PATIENCE: Final = 20.0
"""Seconds for looking into all stores: whoever asks waits a little longer than that."""
_KEYS: Final = frozenset({"journal", "evidence", "alerts"})
"""Purposes of keys that leave the broker; the vault's own, and the broker's, never do."""


class Operations:
    """The vault, opened with the master key, and what of it is given to whom. Used by the broker's one thread, and by those that wait
    for secret stores.

    Args:
        home: whose vault.
        passphrase: of the vault, if it has one.
        stores: opens the estate's secret stores.

    Raises:
        VaultLocked: as `Vault.open`.
    """

    def __init__(
        self, home: Home, passphrase: Passphrase | None, counters: Counters, stores: StoreOpener | None = None
    ) -> None:
        self._home = home
        self._counters = counters
        self._asking = threading.local()
        self.vault = Vault.open(home, passphrase, on_read=self._on_read, stores=stores)
        self.journal = Journal(f"sqlite:///{home.journal_db}", lambda tenant: self.vault.subkey(tenant, "journal"))
        self._ledger = Ledger(self.journal, RecordSigner(home, self.vault))
        self._people = People(home, self.vault, on_event=self._on_people)
        self._contacts = Contacts(home, self.vault, self._on_contact)
        self._drops = Drops(home, self.vault, self.journal, self._contacts)
        self._door = Door(home, self.vault)
        self.token_key = self.vault.subkey(MSP, "broker")
        self.revoked: set[str] = set()
        """Ids of grants that were taken back."""

    def close(self) -> None:
        """Close vault and record."""
        self._drops.close()
        self._contacts.close()
        self._people.close()
        self.journal.close()
        self.vault.close()

    def tend(self) -> None:
        """What is to be done from time to time: end drops whose time is over. Raises RecordError."""
        self._drops.tend()

    def do(self, session: Session, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            OutOfScope: not for who asks. InvalidInput: not what the operation takes. TenantryError: as vault, people and record say.
        """
        grant = session.grant
        handler = self._operations.get((grant.role, operation)) if grant is not None else None
        if grant is None or handler is None:
            raise OutOfScope(f"{operation[:40]!r} is not for this token")
        self._asking.session = session
        try:
            return handler(self, grant, request)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise InvalidInput(f"not what {operation} takes ({type(error).__name__})", place="broker") from None
        finally:
            self._asking.session = None

    def _secret(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        ref = SecretRef.parse(request["ref"])
        tenant = _own(grant)
        _for_runs(ref.name)
        if ref.tenant == MSP and request.get("estate_provider"):
            # What the child claims does not count: estate.yaml says which of the estate's secrets runs may use, the client's file whose runs.
            file, estate = TenantStore(self._home).get(tenant), load_estate(self._home)
            keys = set(file.estate_handles)
            if self._parts(grant) and (partner := estate.partner_tenant(file)) is not None:
                keys.add(partner)
            given = {
                secret
                for key, provider in estate.providers.items()
                if key in keys
                for secret in provider.secrets.values()
            }
            if ref not in given:
                raise OutOfScope("estate.yaml and the client's file do not give this secret to its runs")
        value = self.vault.resolve(
            ref,
            for_tenant=tenant,
            estate_provider=ref.tenant == MSP and bool(request.get("estate_provider")),
            purpose=_purpose(request),
        )
        self._counters.reads += 1
        return {"value": pack(value.get_secret_value())}

    def _parts(self, grant: Grant) -> bool:
        """Whether it is the run by which the client leaves: by the record, not by what the child says. It ends what the MSP's partner tenant has with them."""
        try:
            found = self.journal.run(grant.run or "")
        except NotFound:
            return False
        return (found.run_id, found.tenant, found.runbook) == (grant.run, grant.tenant, _PARTING)

    def _version(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant, version = _own(grant, request["tenant"]), request.get("version")
        if version is not None and not isinstance(version, int):
            raise InvalidInput("a version is a number", place="version")
        _for_runs(str(request["name"]))
        value = self.vault.get(tenant, str(request["name"]), version, purpose=_purpose(request))
        self._counters.reads += 1
        return {"value": pack(value.get_secret_value())}

    def _keep(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant, name, kind = _own(grant, request["tenant"]), str(request["name"]), str(request["kind"])
        _for_runs(name)
        offered = SecretStr(unpack(request["value"]).decode("utf-8"))

        def make() -> SecretStr:
            payload = {"name": name, "kind": kind, **self._who(grant)}
            self.journal.append(tenant, [Event("vault.made", payload)])
            return offered

        kept = self.vault.get_or_create(tenant, name, make, kind=kind, purpose=_purpose(request))
        self._counters.reads += 1
        return {"value": pack(kept.get_secret_value().encode())}

    def _put(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant, name = _own(grant, request["tenant"]), str(request["name"])
        if not name.startswith(CANDIDATES) and name not in self._credentials(tenant):
            raise OutOfScope("a run stores its tenant's own credentials alone, by the names in its file")
        facts = Facts.model_validate(request["facts"])
        payload = {"name": name, "kind": facts.kind, "expect": request.get("expect"), **self._who(grant)}
        self.journal.append(tenant, [Event("vault.put", payload)])
        stored = self.vault.put(
            *(tenant, name, unpack(request["value"])),
            kind=facts.kind,
            expires_at=facts.expires_at,
            rotate_at=facts.rotate_at,
            metadata=facts.metadata,
            expect=request.get("expect"),
        )
        return {"version": _version_out(stored)}

    def _held(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        """How many secrets the run's own tenant has; no names."""
        return {"count": self.vault.held(_own(grant, request["tenant"]))}

    def _placed(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        """Whether the run's own tenant has its key, and in which store its secrets lie, by its name."""
        tenant = _own(grant, request["tenant"])
        return {"store": self.vault.store_of(tenant), "key": self.vault.has_key(tenant)}

    def _versions(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        found = self.vault.versions(_own(grant, request["tenant"]), str(request["name"]))
        return {"versions": [_version_out(one) for one in found]}

    def _delete(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant, name = _own(grant, request["tenant"]), str(request["name"])
        if not name.startswith(CANDIDATES):
            raise OutOfScope("a run deletes no credential, only candidates for one")
        done = self.vault.delete(tenant, name, request.get("version"))
        self.journal.append(tenant, [Event("vault.deleted", {"name": name, **self._who(grant)})])
        return {"deletion": done.model_dump(mode="json")}

    def _credentials(self, tenant: str) -> set[str]:
        """Names of the secrets that the tenant's providers sign in with; none where it has no file any more."""
        try:
            providers = TenantStore(self._home).get(tenant).providers.values()
        except NotFound:
            return set()
        return {ref.name for provider in providers for ref in provider.secrets.values()}

    def _subkey(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        purpose = str(request["purpose"])
        tenant = check_tenant(str(request["tenant"])) if grant.role != "run" else _own(grant, request["tenant"])
        if purpose not in _KEYS:
            raise OutOfScope(f"no key for {purpose[:40]!r} leaves the broker")
        key = self.vault.subkey(tenant, purpose)
        self.journal.append(tenant, [Event("vault.key", {"purpose": purpose, **self._who(grant)})])
        self._counters.keys += 1
        return {"value": pack(key)}

    def _authenticate(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant, purpose = _own(grant, request["tenant"]), str(request["purpose"])
        if not purpose.endswith(f":{grant.run}"):
            raise OutOfScope("a run may ask for proof of its own questions alone")
        code = SecretStr(unpack(request["code"]).decode("utf-8"))
        proof = self._people.authenticate(
            str(request["person"]), code, purpose=purpose, tenant=tenant, role=request.get("role")
        )
        return {"person": proof.person.id, "at": rfc3339(proof.at), "method": proof.method}

    def _grant(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant
        role, run, tenant, pid = request["role"], request.get("run"), request.get("tenant"), request.get("pid")
        life = float(request.get("life") or LIFE)
        if role == "run":
            tenant = check_tenant(str(tenant))
            if tenant == MSP or not isinstance(run, str) or not 0 < len(run) <= 80:
                raise InvalidInput("a run's token names a run and a client", place="grant")
            self.vault.subkey(tenant, "journal")  # a tenant without a key has no run
        elif role not in ("reader", "console") or run is not None or tenant is not None:
            raise InvalidInput("grant a run's token, a reader's or the console's", place="grant")
        made = Grant.make(_role(role), run=run, tenant=tenant, pid=None if pid is None else int(pid), life=life)
        payload = {"grant": made.id, "role": role, "run": run, "pid": pid, "until_us": int(made.until * 1e6)}
        self.journal.append(tenant or MSP, [Event("vault.granted", payload)])
        return {"token": sign(made, self.token_key), "id": made.id}

    def _revoke(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant
        revoked = read(str(request["token"]), self.token_key)
        if revoked.id not in self.revoked:
            self.journal.append(
                revoked.tenant or MSP, [Event("vault.revoked", {"grant": revoked.id, "run": revoked.run})]
            )
            self.revoked.add(revoked.id)
        return {}

    def _checkpoint(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant = _own(grant, request["tenant"]) if grant.role == "run" else check_tenant(str(request["tenant"]))
        self._ledger.checkpoint(tenant)
        return {}

    def _checkpoint_all(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant, request
        signed = self._ledger.checkpoint_all()
        return {"signed": [{**asdict(one), "note": pack(one.note)} for one in signed]}

    def _drop_look(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant
        return self._drops.look(_text(request["drop"]), _text(request["token"]))

    def _drop_verify(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant
        code = SecretStr(unpack(request["code"]).decode("utf-8"))
        return self._drops.verify(_text(request["drop"]), _text(request["token"]), code)

    def _drop_state(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant
        found = self._drops.state(_text(request["drop"]), _text(request["session"]))
        return found | {"public": pack(found["public"])}

    def _drop_take(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant
        sealed, place = unpack(request["sealed"]), request["place"]
        if not isinstance(place, int):
            raise InvalidInput("a place is a number", place="place")
        return self._drops.take(_text(request["drop"]), _text(request["session"]), place, sealed)

    def _alert_sources(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant, request
        return self._door.sources()

    def _alert_prove(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant
        return {"refused": self._door.prove(list(request["messages"]))}

    def _alert_key(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant, request
        return {"value": pack(intake_key(self.vault).get_secret_value())}

    def _info(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant, request
        c = self._counters
        return {
            "pid": os.getpid(),
            "started": c.started,
            "tenants": list(self.vault.tenants()),
            "reads": c.reads,
            "keys": c.keys,
            "refused": c.refused,
            "throttled": c.throttled,
            "connections": c.connections,
        }

    def _due(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        """Names and times alone: what needs attention, for metrics, and for the rotations that the service begins."""
        del grant, request
        found, unknown = due_everywhere(
            self.vault, self.journal.clock.now(), limits_of(TenantStore(self._home)), patience=_DUE_PATIENCE
        )
        rows = [
            {
                "tenant": o.tenant,
                "name": o.name,
                "why": o.why,
                "at": rfc3339(o.at),
                "text": o.text,
                "version": o.version,
            }
            for o in found
        ]
        return {"due": rows, "unknown": unknown}

    _operations: Final[Mapping[tuple[str, str], Callable[[Operations, Grant, Mapping[str, Any]], dict[str, Any]]]] = {
        ("run", "resolve"): _secret,
        ("run", "get"): _version,
        ("run", "get_or_create"): _keep,
        ("run", "put"): _put,
        ("run", "versions"): _versions,
        ("run", "held"): _held,
        ("run", "placed"): _placed,
        ("run", "delete"): _delete,
        ("run", "subkey"): _subkey,
        ("run", "authenticate"): _authenticate,
        ("run", "checkpoint"): _checkpoint,
        ("reader", "subkey"): _subkey,
        ("reader", "info"): _info,
        ("console", "drop.look"): _drop_look,
        ("console", "drop.verify"): _drop_verify,
        ("console", "drop.state"): _drop_state,
        ("console", "drop.take"): _drop_take,
        ("console", "alert.sources"): _alert_sources,
        ("console", "alert.prove"): _alert_prove,
        ("supervisor", "alert.key"): _alert_key,
        ("supervisor", "subkey"): _subkey,
        ("supervisor", "info"): _info,
        ("supervisor", "due"): _due,
        ("supervisor", "checkpoint"): _checkpoint,
        ("supervisor", "checkpoint_all"): _checkpoint_all,
        ("supervisor", "grant"): _grant,
        ("supervisor", "revoke"): _revoke,
    }

    def _who(self, grant: Grant) -> dict[str, Any]:
        session: Session | None = getattr(self._asking, "session", None)
        return {"grant": grant.id, "role": grant.role, "run": grant.run, "pid": session.peer.pid if session else None}

    def _on_read(self, tenant: str, name: str, version: int, purpose: str) -> None:
        """Before a secret is handed out: what cannot be recorded is not given."""
        session: Session | None = getattr(self._asking, "session", None)
        who = self._who(session.grant) if session is not None and session.grant is not None else {}
        payload = {"name": name, "version": version, "purpose": purpose, **who}
        self.journal.append(tenant, [Event("vault.read", payload)])

    def _on_contact(self, tenant: str, event: str, payload: dict[str, Any]) -> None:
        self.journal.append(tenant, [Event(event, payload)])

    def _on_people(self, event: str, payload: dict[str, Any]) -> None:
        self.journal.append(MSP, [Event(event, payload)])


def _own(grant: Grant, tenant: Any = None) -> str:
    """The grant's tenant, when that is who was asked for."""
    if grant.tenant is None or tenant not in (None, grant.tenant):
        raise OutOfScope("a run reaches its own tenant alone")
    return grant.tenant


def _role(text: str) -> Role:
    return "run" if text == "run" else "console" if text == "console" else "reader"


def _for_runs(name: str) -> None:
    """Raises OutOfScope: a secret that the platform keeps for itself in a client's vault."""
    if name.startswith(OWN_SECRETS):
        raise OutOfScope("secrets of this name are not given to runs")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInput("not a text", place="broker")
    return value


def _purpose(request: Mapping[str, Any]) -> str:
    return str(request.get("purpose") or "")[:200]


def _version_out(version: SecretVersion) -> dict[str, Any]:
    return {
        "tenant": version.tenant,
        "name": version.name,
        "version": version.version,
        "created_at": rfc3339(version.created_at),
        "facts": version.facts.model_dump(mode="json"),
    }
