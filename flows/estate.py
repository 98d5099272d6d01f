"""Runs about the estate's own credentials: the hub's key, and whatever else one credential for all clients is.

They are the record's own runs, in the MSP's tree, with the same steps as a client's. They are carried by whoever holds the master key, a
command: the vault broker gives no run a secret of the estate's that estate.yaml does not name, and none a right to change one. So no
service takes them up again by itself; `tenantry resume` goes on with one that was interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Any, Final
from uuid import uuid4

from pydantic import SecretBytes

from flows.assembly import Installation
from flows.credentials import TenantCredentials
from tenantry.broker import BrokeredVault
from tenantry.capabilities.credentials import CredentialServices
from tenantry.errors import InvalidTenant, OutOfScope
from tenantry.names import MSP, Role
from tenantry.providers import Handle, OpensEstate
from tenantry.run import Engine, Policy, RunState, TenantAccess, create
from tenantry.runbook import validate_params

__all__ = ["EstateAccess", "access_of", "carry", "prepare"]

_OFFERED: Final = "credentials"


class EstateAccess:
    """:class:`tenantry.run.TenantAccess` over estate.yaml: ``credentials``, and nothing of any client."""

    name = MSP
    protected: frozenset[str] = frozenset()
    disruptive_needs: Role | None = None

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._handles: dict[str, Handle] = {}
        estate = installation.estate
        self.subject: Mapping[str, Any] = {"name": MSP, "display_name": estate.name, "time_zone": estate.time_zone}

    async def capability(self, name: str) -> Any:
        if name != _OFFERED:
            raise OutOfScope(f"the estate itself has no {name!r}", remedy="Run this for a client.")
        references = {key: config.secrets for key, config in self._installation.estate.providers.items()}
        return TenantCredentials(self._installation.vault, MSP, self._services, references)

    async def ahead(self, names: Collection[str]) -> None:
        """Nothing: whose credential is to be replaced is known when the step begins."""
        del names

    async def _services(self, key: str) -> CredentialServices:
        handle = await self.handle(key)
        if handle is None:
            return {}
        found: CredentialServices = handle.capability(_OFFERED)
        return found

    async def handle(self, key: str, clients: Iterable[Mapping[str, Any]] = ()) -> Handle | None:
        """A provider of estate.yaml, opened for the estate itself; None where its vendor has nothing to be opened so.

        Args:
            clients: settings of each client that is reached through it, where what it may reach is to be told.
        """
        config = self._installation.estate.providers[key]
        provider = self._installation.providers.get(config.vendor)
        if not isinstance(provider, OpensEstate):
            return None

        async def secret(name: str) -> SecretBytes:
            if name not in config.secrets:
                raise InvalidTenant(
                    f"the provider {key!r} of estate.yaml needs the secret {name!r}",
                    remedy=f"Name it under providers.{key}.secrets.",
                )
            return await asyncio.to_thread(
                self._installation.vault.resolve,
                config.secrets[name],
                for_tenant=MSP,
                purpose=f"{config.vendor} sign-in",
            )

        if key not in self._handles:
            self._handles[key] = await provider.open_estate(dict(config.settings), secret, clients)
        return self._handles[key]

    async def aclose(self) -> None:
        """Close what was opened."""
        handles, self._handles = list(self._handles.values()), {}
        await asyncio.gather(*(handle.aclose() for handle in handles))


@contextlib.asynccontextmanager
async def access_of(
    installation: Installation, tenant: str, mode: str, params: Mapping[str, Any] | None = None
) -> AsyncIterator[TenantAccess]:
    """What a run of that tenant, or of the estate, sees; closed with the block. As `Installation.access`."""
    if tenant != MSP:
        async with installation.access(tenant, mode, params) as client:
            yield client
        return
    estate = EstateAccess(installation)
    try:
        yield estate
    finally:
        await estate.aclose()


def prepare(
    installation: Installation, runbook_id: str, params: Mapping[str, Any], mode: str, requester: Mapping[str, Any]
) -> str:
    """Validate everything and record the run; its id.

    Raises:
        InvalidInput: naming the parameter; nothing was recorded.
        OutOfScope: in a process of the service; a drill, which replaces no credential.
    """
    if mode == "drill":
        raise OutOfScope("a drill replaces no credential")
    if isinstance(installation.vault, BrokeredVault):
        raise OutOfScope("the estate's credentials are exchanged by a command, not by the service")
    runbook = installation.catalog.get(runbook_id)
    values = validate_params(runbook, params)
    run_id = str(uuid4())
    create(
        installation.surroundings(),
        run_id=run_id,
        runbook=runbook,
        tenant=MSP,
        params=values,
        mode=mode,
        requester=requester,
        subject=runbook.subject_for({"params": values, "tenant": {"name": MSP}}),
    )
    return run_id


def carry(
    installation: Installation,
    run_id: str,
    *,
    policy: Policy | None = None,
    follow: Callable[..., None] | None = None,
) -> RunState:
    """Carry a run of the estate on from wherever the record says it stands."""

    async def work() -> RunState:
        async with access_of(installation, MSP, state.mode) as access:
            engine = Engine(installation.surroundings(), access, policy=policy, observe=follow)
            return await engine.run(run_id, wait=False)

    state = installation.state(run_id)
    return state if state.ended is not None else asyncio.run(work())
