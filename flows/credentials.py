"""The ``credentials`` capability of a run: moves values between a service and the vault, so that no task ever holds one.

A new credential is stored as candidate before anybody uses it, under ``rotations/<provider>/<secret>``, whatever run made it: the next
run finds it there and goes on. It becomes the credential by one check-and-set write of the provider's own name in the vault.

Where the service makes the value and keeps no names, what lived before is stored first: a credential that is new since, and that nobody
ever used, is one whose answer never came.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from pydantic import SecretBytes

from tenantry.capabilities.credentials import (
    LABEL,
    CredentialService,
    CredentialServices,
    CredentialState,
    Expiring,
    LiveCredential,
    MadeCredential,
)
from tenantry.errors import InvalidTenant, NotFound, Rejected
from tenantry.names import SecretRef
from tenantry.secretstore import CANDIDATES, SecretVersion
from tenantry.vault import Vault

__all__ = ["ROTATED", "TenantCredentials", "replaced"]

_ID: Final = "credential_id"
"""Under which a version's metadata says what the service calls it."""
_REPLACES: Final = "replaces"
"""Under which a version's metadata says which one it takes the place of."""
ROTATED: Final = "rotated"
"""Under which a version's metadata says that it took another's place where the service knows one."""
_BEFORE: Final = "before"
"""Under which the metadata of one that is being made says which lived then."""
_PENDING: Final = "pending"
"""The kind of a candidate that is being made; its value is none."""
_EARLY: Final = timedelta(days=30)
"""How long before it expires a new one is to be replaced in its turn; a third of its life where that is shorter."""
_PERIOD: Final = timedelta(days=180)
"""After which one that never expires is to be replaced."""
_LOOKED_AT: Final = 3
"""Older versions that are looked at: those before were superseded by a rotation that proved it."""

Services = Callable[[str], Awaitable[CredentialServices]]
"""Provider in the tenant's file → what it offers."""
Tries = Callable[[str, str, SecretBytes], Awaitable[bool | None]]
"""Provider, name of one of its secrets, a value for it → True: the provider signs in with it; False: it is refused everywhere; None:
neither, or nobody could be asked."""


def replaced(version: SecretVersion) -> bool:
    """Whether a version took the place of another one by a rotation: copies of it that somebody else has are of no use."""
    return _REPLACES in version.metadata or ROTATED in version.metadata


class TenantCredentials:
    """Implements :class:`~tenantry.capabilities.credentials.Credentials`.

    Args:
        vault: of this process: the broker's, in a run of the service.
        tenant: whose.
        services: opens a provider of the tenant's own file.
        references: provider → its ``secrets`` block.
        tries: for credentials that a person makes; None: those cannot be told here.
    """

    def __init__(
        self,
        vault: Vault,
        tenant: str,
        services: Services,
        references: Mapping[str, Mapping[str, SecretRef]],
        tries: Tries | None = None,
    ) -> None:
        self._tries = tries
        self._vault = vault
        self._tenant = tenant
        self._services = services
        self._references = references

    async def state(self, provider: str) -> CredentialState:
        service, name, candidate_name = await self._of(provider)
        known = await self._versions(name)
        if not known:
            raise NotFound(
                f"vault:{self._tenant}/{name} holds nothing yet", remedy="Store it with `tenantry vault put`."
            )
        stored = await self._versions(candidate_name)
        found = {
            "provider": provider,
            "kind": service.kind,
            "reference": f"vault:{self._tenant}/{name}",
            "version": known[0].version,
            "previous_version": known[1].version if len(known) > 1 else None,
            "candidate_stored": bool(stored),
            "current_expires_at": known[0].expires_at,
        }
        if not service.listed and not service.in_place:
            return CredentialState(**found | await self._by_trying(service, name, candidate_name, known, stored))
        if service.in_place:
            return CredentialState(**found | await self._in_place(service, name, candidate_name, known, stored))
        return CredentialState(**found | await self._beside(service, name, candidate_name, known, stored))

    async def _beside(
        self,
        service: CredentialService,
        name: str,
        candidate_name: str,
        known: Sequence[SecretVersion],
        stored: Sequence[SecretVersion],
    ) -> dict[str, Any]:
        live = await service.live()
        here = {one.id: one for one in live}
        ids = {version.version: await self._id_of(service, name, version, live) for version in known[: _LOOKED_AT + 1]}
        made = stored[0] if stored and stored[0].kind != _PENDING else None
        candidate = await self._id_of(service, candidate_name, made, live) if made else None
        current = ids[known[0].version]
        if current is None and made:
            current = made.metadata.get(_REPLACES) or None
        if current is None and len(here) == 1 and await service.works(await self._value(name)):
            current = next(iter(here))  # the only one there is, and ours signs in: it is that
        ours = {one for one in ids.values() if one} | {candidate}
        leftovers = {one.id for one in live if service.labels and one.label.startswith(LABEL)} - ours
        if stored and stored[0].kind == _PENDING:
            before = set(stored[0].metadata.get(_BEFORE, "").split())
            leftovers |= {one.id for one in live if one.used is False and one.id not in before} - ours
        older = {one for version, one in ids.items() if version != known[0].version and one}
        older |= {one for version in known[: _LOOKED_AT + 1] if (one := version.metadata.get(_REPLACES))}
        superseded = ((older | leftovers) & set(here)) - {current, candidate}
        lives = candidate in here and here[candidate].complete
        return {
            "current": current if current in here else None,
            "current_expires_at": here[current].expires_at if current in here else known[0].expires_at,
            "candidate": candidate if lives else None,
            "candidate_expires_at": here[candidate].expires_at if candidate in here else None,
            "superseded": tuple(sorted(superseded)),
            "leftovers": tuple(sorted(leftovers & superseded)),
            "others": tuple(sorted(set(here) - superseded - {current, candidate})),
        }

    async def _by_trying(
        self,
        service: CredentialService,
        name: str,
        candidate_name: str,
        known: Sequence[SecretVersion],
        stored: Sequence[SecretVersion],
    ) -> dict[str, Any]:
        """They stand beside each other, and the service does not list them. What is not refused everywhere lives."""

        async def told(where: str, version: SecretVersion) -> tuple[str, SecretBytes]:
            value = await self._value(where, version.version)
            return await service.identify(value, ()) or f"{where}-{version.version}", value

        current, signing = await told(name, known[0])
        candidate = new = None
        if stored:
            candidate, new = await told(candidate_name, stored[0])
        older = dict([await told(name, version) for version in known[1 : _LOOKED_AT + 1]])
        superseded = [
            id for id, value in older.items() if id not in {current, candidate} and not await service.dead(value)
        ]
        works = await service.works(signing)
        lives = new is not None and (works if candidate == current else await service.works(new))
        expires = service.expires if isinstance(service, Expiring) else lambda _: None
        return {
            "current": current if works else None,
            "current_expires_at": expires(signing) or known[0].expires_at,
            "candidate": candidate if lives else None,
            "candidate_expires_at": expires(new) if new is not None else None,
            "superseded": tuple(sorted(superseded)),
        }

    async def _in_place(
        self,
        service: CredentialService,
        name: str,
        candidate_name: str,
        known: Sequence[SecretVersion],
        stored: Sequence[SecretVersion],
    ) -> dict[str, Any]:
        """There are no ids: what lives is found by trying, and a version's number names it."""
        value = await self._value(name)
        here = f"version-{known[0].version}"
        candidate = None
        if stored:
            new = await self._value(candidate_name)
            if hmac.compare_digest(new.get_secret_value(), value.get_secret_value()):
                # Taken into use; unless it was stored after the one in use, and is that once more: then there is no new one.
                candidate = here if stored[0].created_at <= known[0].created_at else None
            elif await service.works(new):
                candidate = "candidate"
        return {
            "in_place": True,
            "candidate": candidate,
            "current": here if await service.works(value) else None,
        }

    async def make(self, provider: str, label: str) -> None:
        service, name, candidate = await self._of(provider)
        signing = await self._value(name)
        at = await self.state(provider)
        for leftover in at.leftovers:
            await service.remove(leftover, signing)  # of an answer that never came: nobody has its value
        prepared = await service.prepare(label)
        if prepared is not None:  # stored before it lives: there is no moment at which it lives and is lost
            stored = await self._versions(candidate)
            if stored:
                prepared = await self._value(candidate)
            else:
                await self._call(self._vault.put, self._tenant, candidate, prepared, kind=service.kind, expect=0)
            await service.create(label, prepared, signing)
            return
        if not service.labels:
            await self._begin(service, candidate)
        made = await service.create(label, None, signing)
        newest = await self._versions(candidate)
        await self._call(
            self._vault.put,
            *(self._tenant, candidate, made.value),
            kind=service.kind,
            expires_at=made.expires_at,
            metadata={_ID: made.id, _REPLACES: at.current or ""},
            expect=newest[0].version if newest else 0,
        )

    async def _begin(self, service: CredentialService, candidate: str) -> None:
        newest = await self._versions(candidate)
        await self._call(
            self._vault.put,
            *(self._tenant, candidate, SecretBytes(_PENDING.encode())),
            kind=_PENDING,
            metadata={_BEFORE: " ".join(one.id for one in await service.live())},
            expect=newest[0].version if newest else 0,
        )

    async def discard(self, provider: str) -> None:
        service, name, candidate = await self._of(provider)
        at = await self.state(provider)
        signing = await self._value(name)
        if at.in_place and at.candidate_stored and at.candidate != at.current:
            # It may have taken the old one's place, on some hosts or on all of them: the old one is set again.
            await service.create("", signing, await self._value(candidate))
        elif not at.in_place:
            made = await self._versions(candidate)
            live = await service.live() if service.listed else ()
            lives = await self._id_of(service, candidate, made[0], live) if made else None
            for one in {*at.leftovers, *({lives} if lives is not None and lives != at.current else ())}:
                await service.remove(one, signing)
        await self.forget_candidate(provider)

    async def candidate_works(self, provider: str) -> bool:
        service, _, candidate = await self._of(provider)
        return await service.works(await self._value(candidate))

    async def promote(self, provider: str, version: int) -> None:
        service, name, candidate = await self._of(provider)
        at = await self.state(provider)
        value, now = await self._value(candidate), datetime.now(UTC)
        expires = at.candidate_expires_at or (service.expires(value) if isinstance(service, Expiring) else None)
        await self._call(
            self._vault.put,
            *(self._tenant, name, value),
            kind=service.kind,
            expires_at=expires,
            rotate_at=expires - min(_EARLY, (expires - now) / 3) if expires else now + _PERIOD,
            metadata={ROTATED: "in place"} if at.in_place else {_ID: at.candidate or "", _REPLACES: at.current or ""},
            expect=version,
        )

    async def suspend(self, provider: str, id: str) -> bool:
        service, name, _ = await self._of(provider)
        return await service.suspend(id, await self._value(name))

    async def remove(self, provider: str, id: str) -> None:
        service, name, _ = await self._of(provider)
        await service.remove(id, await self._value(name))

    async def version_works(self, provider: str, version: int) -> bool:
        service, name, _ = await self._of(provider)
        return await service.works(await self._value(name, version))

    async def version_dead(self, provider: str, version: int) -> bool:
        service, name, _ = await self._of(provider)
        return await service.dead(await self._value(name, version))

    async def forget_candidate(self, provider: str) -> None:
        _, _, candidate = await self._of(provider)
        if await self._versions(candidate):
            await self._call(self._vault.delete, self._tenant, candidate)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _of(self, provider: str) -> tuple[CredentialService, str, str]:
        """The service, the secret's name in the vault, and its candidate's."""
        key, _, secret = provider.partition("/")
        references = self._references.get(key)
        if references is None:
            raise InvalidTenant(
                f"{self._tenant} has no provider {key}", remedy="Name one of `providers` in the tenant's file."
            )
        services = {name: one for name, one in (await self._services(key)).items() if name in references}
        if secret in references and secret not in services and self._tries is not None:
            services[secret] = _ByHand(secret, partial(self._tries, key, secret))
        wanted = secret or (next(iter(services)) if len(services) == 1 else "")
        if wanted not in services:
            choices = ", ".join(f"{key}/{name}" for name in sorted(services))
            raise InvalidTenant(
                f"{provider} of {self._tenant} is no credential that can be replaced by itself"
                + (f" (those are: {choices})" if choices else ""),
                remedy="Name one of them, or one of the provider's secrets, which a person replaces with credential_handover.",
            )
        return services[wanted], references[wanted].name, f"{CANDIDATES}{key}/{wanted}"

    async def _id_of(
        self, service: CredentialService, name: str, version: SecretVersion, live: Sequence[LiveCredential]
    ) -> str | None:
        said = version.metadata.get(_ID)
        if said:
            return said
        if version.kind == _PENDING:
            return None
        return await service.identify(await self._value(name, version.version), live)

    async def _versions(self, name: str) -> tuple[SecretVersion, ...]:
        found: tuple[SecretVersion, ...] = await self._call(self._vault.versions, self._tenant, name)
        return found

    async def _value(self, name: str, version: int | None = None) -> SecretBytes:
        found: SecretBytes = await self._call(
            self._vault.get, self._tenant, name, version, purpose="credential rotation"
        )
        return found

    @staticmethod
    async def _call(work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return await asyncio.to_thread(work, *arguments, **named)


class _ByHand:
    """A credential that no integration can make: a person stores the new one as candidate. It is proven by use all the same."""

    in_place = True
    labels = False
    listed = True

    def __init__(self, secret: str, tries: Callable[[SecretBytes], Awaitable[bool | None]]) -> None:
        self.kind = secret
        self.secret = secret
        self._tries = tries

    async def live(self) -> Sequence[LiveCredential]:
        return ()

    async def identify(self, value: SecretBytes, live: Sequence[LiveCredential]) -> str | None:  # noqa: ARG002  # nothing is listed
        return None

    async def prepare(self, label: str) -> SecretBytes | None:  # noqa: ARG002  # a person's
        raise Rejected(
            f"a new {self.secret} is made by a person",
            remedy="Run credential_handover, which takes them through it and proves what they stored.",
        )

    async def create(self, label: str, value: SecretBytes | None, signing: SecretBytes) -> MadeCredential:  # noqa: ARG002  # likewise
        raise Rejected(f"the old {self.secret} cannot be set again", remedy="A person decides at the service.")

    async def suspend(self, id: str, signing: SecretBytes) -> bool:  # noqa: ARG002  # a person's
        return False

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """A person's."""

    async def works(self, value: SecretBytes) -> bool:
        return await self._tries(value) is True

    async def dead(self, value: SecretBytes) -> bool:
        return await self._tries(value) is False
