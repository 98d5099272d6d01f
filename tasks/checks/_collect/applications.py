"""Applications: what may be used as them, what they may do, for whom they act."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tenantry.capabilities import Application, ApplicationInventory, InventoriedApplication, InventoriedGrant
from tenantry.sweep.check import Giver, Look, collector
from tenantry.task import Permission

__all__ = ["applications", "grants", "told", "trusted"]


def trusted(application: Application, look: Look) -> bool:
    """The vendor's own, the one that this platform signs in with, or one that the client's file names."""
    return application.first_party or application.ours or application.app_id.lower() in look.known.applications


def told(name: str, app_id: str) -> tuple[str, str]:
    """An application as a finding's entity: several may have one name."""
    return "application", f"{name} ({app_id})"


@collector("application_inventory", permissions=(Permission(vendor="microsoft365", names=("Application.Read.All",)),))
async def applications(given: Giver) -> AsyncIterator[InventoriedApplication]:
    """Every one."""
    inventory: ApplicationInventory = await given.capability("application_inventory")
    async for found in inventory.applications():
        yield found


@collector(
    "application_inventory",
    permissions=(Permission(vendor="microsoft365", names=("Application.Read.All", "Directory.Read.All")),),
)
async def grants(given: Giver) -> AsyncIterator[InventoriedGrant]:
    """Everything that somebody, or an administrator for everybody, let an application do in their name."""
    inventory: ApplicationInventory = await given.capability("application_inventory")
    async for found in inventory.grants():
        yield found
