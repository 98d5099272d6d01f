"""Permissions by use: a read for each that has one. What a token says is granted may still be refused, by a licence or a policy.

Pages: learn.microsoft.com/graph/api/<list or get of the resource>, its table of permissions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Final

from integrations.microsoft365._read import text
from integrations.microsoft365.graph import Graph, segment
from tenantry.errors import PermissionMissing, ProviderError

__all__ = ["tried"]

_ONE: Final = {"$top": "1"}
_PATHS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "Application.Read.All": ("/applications", _ONE),
    "AuditLog.Read.All": ("/auditLogs/directoryAudits", _ONE),
    "Device.Read.All": ("/devices", _ONE),
    "Directory.Read.All": ("/oauth2PermissionGrants", _ONE),
    "GroupMember.Read.All": ("/groups", _ONE),
    "IdentityRiskyUser.Read.All": ("/identityProtection/riskyUsers", _ONE),
    "Organization.Read.All": ("/organization", {}),
    "Policy.Read.All": ("/policies/authorizationPolicy", {}),
    "RoleManagement.Read.Directory": ("/roleManagement/directory/roleAssignments", _ONE),
    "SecurityAlert.Read.All": ("/security/alerts_v2", _ONE),
    "SharePointTenantSettings.Read.All": ("/admin/sharepoint/settings", {}),
    "SecurityIncident.Read.All": ("/security/incidents", _ONE),
    "User.Read.All": ("/users", {**_ONE, "$select": "id"}),
}
_OF_A_USER: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "UserAuthenticationMethod.Read.All": ("authentication/methods", {}),
}
_EXCHANGE: Final = "Exchange.ManageAsApp"


async def tried(graph: Graph, exchange: Callable[[], Awaitable[None]], names: Iterable[str]) -> dict[str, bool | None]:
    """Permission → whether the read was let through; None where it failed for another reason.

    Args:
        exchange: runs a cmdlet that changes nothing.
        names: permissions; those that only change something are left out of the answer.
    """
    wanted = set(names)
    user = None
    if wanted & _OF_A_USER.keys():
        user = await _some_user(graph)

    async def read(name: str, path: str, params: Mapping[str, str]) -> None:
        await graph.get(path, params=dict(params), needs=name)

    calls: dict[str, Callable[[], Awaitable[None]]] = {}
    for name, (path, params) in _PATHS.items():
        if name in wanted:
            calls[name] = partial(read, name, path, params)
    for name, (rest, params) in _OF_A_USER.items():
        if name in wanted and user is not None:
            calls[name] = partial(read, name, f"/users/{segment(user)}/{rest}", params)
    if _EXCHANGE in wanted:
        calls[_EXCHANGE] = exchange
    answers = await asyncio.gather(*(_let_through(call) for call in calls.values()))
    return dict(sorted(zip(calls, answers, strict=True)))


async def _let_through(call: Callable[[], Awaitable[None]]) -> bool | None:
    try:
        await call()
    except PermissionMissing:
        return False
    except ProviderError:  # not there, busy, away: nothing is known about the permission
        return None
    return True


async def _some_user(graph: Graph) -> str | None:
    try:
        page = await graph.get("/users", params={**_ONE, "$select": "id"}, needs="User.Read.All")
    except ProviderError:
        return None
    rows = page.get("value") or [{}]
    return text(rows[0].get("id")) or None
