"""What a directory lets everybody do, and how its roles are given and activated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from tenantry.capabilities import ConsentRequests, CredentialRules, Liberties, RoleRules, Sharing, SignInMethods
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["consent_requests", "credential_rules", "liberties", "role_rules", "sharing", "sign_in_methods"]

_POLICIES: Final = (Permission(vendor="microsoft365", names=("Policy.Read.All",)),)
_SHARING: Final = (Permission(vendor="microsoft365", names=("SharePointTenantSettings.Read.All",)),)
_RULES: Final = (Permission(vendor="microsoft365", names=("RoleManagementPolicy.Read.Directory",)),)


@collector("directory_settings", permissions=_POLICIES)
async def liberties(given: Giver) -> AsyncIterator[Liberties]:
    """Once."""
    yield await (await given.capability("directory_settings")).liberties()


@collector("directory_settings", permissions=_POLICIES)
async def consent_requests(given: Giver) -> AsyncIterator[ConsentRequests]:
    """Once."""
    yield await (await given.capability("directory_settings")).consent_requests()


@collector("directory_settings", permissions=_POLICIES)
async def sign_in_methods(given: Giver) -> AsyncIterator[SignInMethods]:
    """Once."""
    yield await (await given.capability("directory_settings")).sign_in_methods()


@collector("directory_settings", permissions=_POLICIES)
async def credential_rules(given: Giver) -> AsyncIterator[CredentialRules]:
    """Once."""
    yield await (await given.capability("directory_settings")).credential_rules()


@collector("directory_settings", permissions=_RULES)
async def role_rules(given: Giver) -> AsyncIterator[RoleRules]:
    """Of each directory role."""
    async for found in (await given.capability("directory_settings")).role_rules():
        yield found


@collector("directory_settings", permissions=_SHARING)
async def sharing(given: Giver) -> AsyncIterator[Sharing]:
    """Once."""
    yield await (await given.capability("directory_settings")).sharing()
