"""What decides about sign-ins: Conditional Access, places, domains, units, and other companies' access."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from tenantry.capabilities import (
    AccessPolicy,
    AdministrativeUnit,
    Directory,
    DirectoryDomain,
    NamedLocation,
    PartnerRelation,
)
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["access_policies", "administrative_units", "directory_domains", "named_locations", "partners"]

_POLICIES: Final = (Permission(vendor="microsoft365", names=("Policy.Read.All",)),)


@collector("directory", permissions=_POLICIES)
async def access_policies(given: Giver) -> AsyncIterator[AccessPolicy]:
    """Every rule of Conditional Access."""
    directory: Directory = await given.capability("directory")
    async for found in directory.policies():
        yield found


@collector("directory", permissions=_POLICIES)
async def named_locations(given: Giver) -> AsyncIterator[NamedLocation]:
    """Every place that those rules may name."""
    directory: Directory = await given.capability("directory")
    async for found in directory.locations():
        yield found


@collector("directory", permissions=(Permission(vendor="microsoft365", names=("Domain.Read.All",)),))
async def directory_domains(given: Giver) -> AsyncIterator[DirectoryDomain]:
    """Every domain."""
    directory: Directory = await given.capability("directory")
    async for found in directory.domains():
        yield found


@collector("directory", permissions=(Permission(vendor="microsoft365", names=("AdministrativeUnit.Read.All",)),))
async def administrative_units(given: Giver) -> AsyncIterator[AdministrativeUnit]:
    """Every administrative unit."""
    directory: Directory = await given.capability("directory")
    async for found in directory.units():
        yield found


@collector(
    "directory",
    permissions=(Permission(vendor="microsoft365", names=("Policy.Read.All", "DelegatedAdminRelationship.Read.All")),),
)
async def partners(given: Giver) -> AsyncIterator[PartnerRelation]:
    """Every other tenant that is let in."""
    directory: Directory = await given.capability("directory")
    async for found in directory.partners():
        yield found
