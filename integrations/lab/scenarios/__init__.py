"""Stories that fill a tenant. A scenario is a module with ``build(stage)``; this is the list of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from integrations.lab.cloud.account import CloudAccount
from integrations.lab.scenarios import (
    bec,
    breached,
    clean,
    compromised_host,
    leaked_key,
    msp_tool,
    oauth_app,
    quiet,
    ransomware,
)
from integrations.lab.scenarios.stage import Stage
from integrations.lab.state import Story, Tenant
from tenantry.errors import NotFound

SCENARIOS: dict[str, Callable[[Stage], None]] = {
    "bec": bec.build,
    "breached": breached.build,
    "clean": clean.build,
    "compromised_host": compromised_host.build,
    "leaked_key": quiet.build,
    "msp_tool": msp_tool.build,
    "oauth_app": oauth_app.build,
    "quiet": quiet.build,
    "ransomware": ransomware.build,
}
"""Name → builder of the directory and its mailboxes. What happened in the cloud account: :func:`furnish`."""


def furnish(name: str, account: CloudAccount, story: Story) -> None:
    """Fill the cloud account: with the story of that name, if it has one there."""
    if name == "leaked_key":
        leaked_key.furnish(account, story)
    elif name == "ransomware":
        ransomware.furnish(account, story)
    else:
        leaked_key.ordinary(account)


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
