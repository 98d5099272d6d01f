"""A run's timeline as the command line and the pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.errors import InvalidInput

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.journal import Record
    from tenantry.run import RunState
    from tenantry.timeline import Timeline

__all__ = ["client_title", "timeline_of"]


def timeline_of(installation: Installation, state: RunState) -> tuple[Timeline, list[Record]]:
    """The run's timeline as it stands now, and the records that it was made from."""
    from tenantry.timeline import build, related

    records = installation.journal.records(state.run_id)
    built = build(
        state,
        records,
        runbook=installation.runbook_of(state),
        live=installation.journal.live(state.run_id),
        around=related(installation.journal, state, records),
        tenant_title=client_title(installation, state.tenant),
    )
    return built, records


def client_title(installation: Installation, tenant: str) -> str:
    """What people call the client; empty when its file cannot be read: it left, or its file is being edited."""
    try:
        return installation.tenants.get(tenant).display_name
    except InvalidInput:
        return ""
