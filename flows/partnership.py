"""The delegated relationship (GDAP) of the MSP's people with a client, from its own partner tenant: looked at, and ended.

It is the MSP's access, and stands in no provider of the client's file. `estate.yaml` names the partner tenant as a provider of Microsoft 365;
where it names none, a person sees to it. That a relationship is over cannot be tried by a service: it is read back in Microsoft's own list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tenantry.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import SecretBytes

    from flows.assembly import Installation
    from tenantry.tenants import ProviderConfig, Tenant

__all__ = ["Partnership"]

_VENDOR = "microsoft365"


class Partnership:
    """Of one client. Every method but `found` raises ProviderError, and InvalidInput where estate.yaml is not complete."""

    def __init__(self, installation: Installation, tenant: Tenant, key: str, config: ProviderConfig) -> None:
        self._installation = installation
        self._config = config
        self._tenant = tenant.name
        self.key = key
        self.directories = sorted(
            {str(one.settings["tenant_id"]) for one in tenant.providers.values() if one.vendor == _VENDOR}
        )

    @classmethod
    def found(cls, installation: Installation, tenant: Tenant) -> Partnership | None:
        """None where the estate has no partner tenant, or the client no directory."""
        key = installation.estate.partner_tenant(tenant)
        return None if key is None else cls(installation, tenant, key, installation.estate.providers[key])

    async def standing(self) -> list[Any]:
        """Relationships with the client that are not at their end."""
        async with self._partner() as partner:
            return [one for directory in self.directories for one in await partner.standing(directory)]

    async def end(self) -> None:
        """Ask for the end of each that is in force. Repeatable."""
        async with self._partner() as partner:
            for directory in self.directories:
                await partner.end(directory)

    @asynccontextmanager
    async def _partner(self) -> AsyncIterator[Any]:
        provider: Any = self._installation.providers[_VENDOR]

        async def secret(name: str) -> SecretBytes:
            if name not in self._config.secrets:
                raise InvalidInput(f"the partner's provider names no secret {name!r}", place="estate.yaml")
            return await asyncio.to_thread(
                self._installation.vault.resolve,
                self._config.secrets[name],
                for_tenant=self._tenant,
                estate_provider=True,
                purpose=f"the MSP's own partner tenant, to end what stands with {self._tenant}",
            )

        settings = provider.Settings.model_validate(dict(self._config.settings))
        handle = await provider.open(settings, secret)
        try:
            yield handle.partner
        finally:
            await handle.aclose()
