"""Directory roles: who holds one, and who may activate one."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tenantry.capabilities import Directory, RoleHolding
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["role_holdings"]


@collector(
    "directory",
    permissions=(
        Permission(
            vendor="microsoft365",
            names=(
                "RoleManagement.Read.Directory",
                "RoleAssignmentSchedule.Read.Directory",
                "RoleEligibilitySchedule.Read.Directory",
            ),
        ),
    ),
)
async def role_holdings(given: Giver) -> AsyncIterator[RoleHolding]:
    """Every one, of people, groups and applications."""
    directory: Directory = await given.capability("directory")
    async for found in directory.role_holdings():
        yield found
