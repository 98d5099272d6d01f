"""Stories that fill a tenant. A scenario is a module with ``build(stage)``; this is the list of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from integrations.lab.scenarios import bec, compromised_host, msp_tool, oauth_app, quiet
from integrations.lab.scenarios.stage import Stage
from integrations.lab.state import Tenant
from tenantry.errors import NotFound

SCENARIOS: dict[str, Callable[[Stage], None]] = {
    "bec": bec.build,
    "compromised_host": compromised_host.build,
    "msp_tool": msp_tool.build,
    "oauth_app": oauth_app.build,
    "quiet": quiet.build,
}
"""Name → builder."""


def build(name: str, tenant: Tenant, client_id: str, permissions: Iterable[str]) -> None:
    """Fill the tenant with the named story.

    Args:
        name: a key of ``SCENARIOS``.
        tenant: an empty one.
        client_id: the application that will sign in.
        permissions: application permissions that it was granted.

    Raises:
        NotFound: no such scenario.
    """
    builder = SCENARIOS.get(name)
    if builder is None:
        raise NotFound(f"no scenario named {name!r}; there are {', '.join(sorted(SCENARIOS))}", place="scenario")
    stage = Stage(tenant, client_id, sorted(permissions))
    builder(stage)
    tenant.story.name = name
    tenant.sort_logs()
