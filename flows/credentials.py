"""The ``credentials`` capability of a run: moves values between a service and the vault, so that no task ever holds one.

A new credential is stored as candidate before anybody uses it, under ``rotations/<provider>/<secret>``, whatever run made it: the next
run finds it there and goes on. It becomes the credential by one check-and-set write of the provider's own name in the vault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import SecretBytes

from tenantry.capabilities.credentials import LABEL, CredentialService, CredentialState, LiveCredential
from tenantry.errors import InvalidTenant, NotFound
from tenantry.names import SecretRef
from tenantry.secretstore import CANDIDATES, SecretVersion
from tenantry.vault import Vault

__all__ = ["TenantCredentials"]

_ID: Final = "credential_id"
"""Under which a version's metadata says what the service calls it."""
_REPLACES: Final = "replaces"
"""Under which a version's metadata says which one it takes the place of."""
_EARLY: Final = timedelta(days=30)
"""How long before it expires a new one is to be replaced in its turn."""
_LOOKED_AT: Final = 3
"""Older versions that are looked at: those before were superseded by a rotation that proved it."""

Services = Callable[[str], Awaitable[CredentialService]]
"""Provider in the tenant's file → what it offers."""


class TenantCredentials:
    """Implements :class:`~tenantry.capabilities.credentials.Credentials`.

    Args:
        vault: of this process: the broker's, in a run of the service.
        tenant: whose.
        services: opens a provider of the tenant's own file.
        references: provider → its ``secrets`` block.
    """

    def __init__(
        self, vault: Vault, tenant: str, services: Services, references: Mapping[str, Mapping[str, SecretRef]]
    ) -> None:
        self._vault = vault
        self._tenant = tenant
        self._services = services
        self._references = references

    async def state(self, provider: str) -> CredentialState:
        service, name = await self._of(provider)
        live = await service.live()
        known = await self._versions(name)
        if not known:
            raise NotFound(
                f"vault:{self._tenant}/{name} holds nothing yet", remedy="Store it with `tenantry vault put`."
            )
        ids = {version.version: await self._id_of(service, name, version, live) for version in known[: _LOOKED_AT + 1]}
        here = {one.id: one for one in live}
        stored = await self._versions(self._candidate(provider, service))
        candidate = await self._id_of(service, self._candidate(provider, service), stored[0], live) if stored else None
        current = ids[known[0].version]
        if current is None and stored:
            current = stored[0].metadata.get(_REPLACES) or None
        if current is None and len(here) == 1 and await service.works(await self._value(name)):
            current = next(iter(here))  # the only one there is, and ours signs in: it is that
        ours = {one for one in ids.values() if one} | {candidate}
        leftovers = {one.id for one in live if one.label.startswith(LABEL)} - ours
        older = {one for version, one in ids.items() if version != known[0].version and one}
        older |= {one for version in known[: _LOOKED_AT + 1] if (one := version.metadata.get(_REPLACES))}
        superseded = ((older | leftovers) & set(here)) - {current, candidate}
        return CredentialState(
            provider=provider,
            kind=service.kind,
            reference=f"vault:{self._tenant}/{name}",
            version=known[0].version,
            previous_version=known[1].version if len(known) > 1 else None,
            current=current if current in here else None,
            current_expires_at=here[current].expires_at if current in here else known[0].expires_at,
            candidate=candidate if candidate in here else None,
            candidate_expires_at=here[candidate].expires_at if candidate in here else None,
            candidate_stored=bool(stored),
            superseded=tuple(sorted(superseded)),
            others=tuple(sorted(set(here) - superseded - {current, candidate})),
        )

    async def make(self, provider: str, label: str) -> None:
        service, name = await self._of(provider)
        candidate = self._candidate(provider, service)
        at = await self.state(provider)
        signing = await self._value(name)
        for leftover in set(at.superseded) & {one.id for one in await service.live() if one.label.startswith(LABEL)}:
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

    async def discard(self, provider: str) -> None:
        service, name = await self._of(provider)
        at = await self.state(provider)
        if at.candidate is not None and at.candidate != at.current:
            await service.remove(at.candidate, await self._value(name))
        await self.forget_candidate(provider)

    async def candidate_works(self, provider: str) -> bool:
        service, _ = await self._of(provider)
        return await service.works(await self._value(self._candidate(provider, service)))

    async def promote(self, provider: str, version: int) -> None:
        service, name = await self._of(provider)
        at = await self.state(provider)
        expires = at.candidate_expires_at
        await self._call(
            self._vault.put,
            *(self._tenant, name, await self._value(self._candidate(provider, service))),
            kind=service.kind,
            expires_at=expires,
            rotate_at=expires - _EARLY if expires else None,
            metadata={_ID: at.candidate or "", _REPLACES: at.current or ""},
            expect=version,
        )

    async def remove(self, provider: str, id: str) -> None:
        service, name = await self._of(provider)
        await service.remove(id, await self._value(name))

    async def version_works(self, provider: str, version: int) -> bool:
        service, name = await self._of(provider)
        return await service.works(await self._value(name, version))

    async def forget_candidate(self, provider: str) -> None:
        service, _ = await self._of(provider)
        candidate = self._candidate(provider, service)
        if await self._versions(candidate):
            await self._call(self._vault.delete, self._tenant, candidate)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _of(self, provider: str) -> tuple[CredentialService, str]:
        references = self._references.get(provider)
        if references is None:
            raise InvalidTenant(
                f"{self._tenant} has no provider {provider}", remedy="Name one of `providers` in the tenant's file."
            )
        service = await self._services(provider)
        if service.secret not in references:
            raise InvalidTenant(f"the provider {provider} of {self._tenant} names no secret {service.secret!r}")
        return service, references[service.secret].name

    @staticmethod
    def _candidate(provider: str, service: CredentialService) -> str:
        return f"{CANDIDATES}{provider}/{service.secret}"

    async def _id_of(self, service: CredentialService, name: str, version: SecretVersion, live: Any) -> str | None:
        said = version.metadata.get(_ID)
        if said:
            return said
        found: list[LiveCredential] = list(live)
        return service.identify(await self._value(name, version.version), found)

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
