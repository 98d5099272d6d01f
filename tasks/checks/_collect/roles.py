"""Directory roles: who holds one, and who may activate one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from tenantry.capabilities import Directory, Identity, RoleHolding
from tenantry.errors import TargetNotFound
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["PrivilegedHolder", "privileged_holders", "role_holdings"]


_ROLES: Final = (
    "RoleManagement.Read.Directory",
    "RoleAssignmentSchedule.Read.Directory",
    "RoleEligibilitySchedule.Read.Directory",
)


@dataclass(frozen=True, slots=True)
class PrivilegedHolder:
    """Somebody, or a group, that holds privileged roles or may activate them.

    Attributes:
        roles: template ids of all such roles.
        synced: the account is kept on premises; None for a group, whose members are not looked at.
    """

    name: str
    roles: frozenset[str]
    synced: bool | None


@collector("directory", permissions=(Permission(vendor="microsoft365", names=_ROLES),))
async def role_holdings(given: Giver) -> AsyncIterator[RoleHolding]:
    """Every one, of people, groups and applications."""
    directory: Directory = await given.capability("directory")
    async for found in directory.role_holdings():
        yield found


@collector("directory", "identity", permissions=(Permission(vendor="microsoft365", names=(*_ROLES, "User.Read.All")),))
async def privileged_holders(given: Giver) -> AsyncIterator[PrivilegedHolder]:
    """People and groups, each once; applications are none."""
    directory: Directory = await given.capability("directory")
    identity: Identity = await given.capability("identity")
    holdings: dict[str, list[RoleHolding]] = defaultdict(list)
    async for found in directory.role_holdings():
        if found.privileged and found.kind != "application":
            holdings[found.principal_id].append(found)

    async def holder(key: str, mine: list[RoleHolding]) -> PrivilegedHolder | None:
        synced = None
        if mine[0].kind in ("user", "guest"):
            try:
                synced = (await identity.account(key)).synced
            except TargetNotFound:  # it was deleted meanwhile, and its roles with it
                return None
        return PrivilegedHolder(mine[0].principal, frozenset(one.role_id for one in mine), synced)

    for one in await asyncio.gather(*(holder(key, mine) for key, mine in holdings.items())):
        if one is not None:
            yield one
