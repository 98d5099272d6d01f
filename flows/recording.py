"""A run is recorded before anything else hears of it. Knows no Prefect: a command that needs no server begins runs too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from flows.pinning import pinned
from tenantry.run import record_new
from tenantry.runbook import validate_params

if TYPE_CHECKING:
    from flows.assembly import Installation

__all__ = ["prepare"]


def prepare(
    installation: Installation,
    runbook_id: str,
    tenant: str,
    params: Mapping[str, Any],
    mode: str,
    requester: Mapping[str, Any],
    run_id: str | None = None,
) -> str:
    """Validate everything and record the run. From here on nothing is lost, whatever happens to Prefect.

    Args:
        params: as given; text is read by type.
        requester: ``{person, proven, via}``.
        run_id: where it follows from what the run is about, so that it is begun once; a new one when None.

    Returns:
        the run's id.

    Raises:
        InvalidInput: naming the option; nothing was recorded.
    """
    found = installation.tenants.get(tenant)
    runbook = pinned(installation, runbook_id, found.name, params)
    values = validate_params(runbook, params)
    run_id = run_id or str(uuid4())
    record_new(
        installation.surroundings(),
        run_id=run_id,
        runbook=runbook,
        tenant=found.name,
        params=values,
        mode=mode,
        requester=requester,
        subject=runbook.subject_for({"params": values, "tenant": found.public()}),
    )
    return run_id
