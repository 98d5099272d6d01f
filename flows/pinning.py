"""The runbook that a new run is pinned to: as the catalogue has it, or, for an activation, made of the client's plan. Knows no Prefect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from tenantry.disaster.compile import ACTIVATION, compiled
from tenantry.disaster.load import LoadedPlan, find_plan, load_plan
from tenantry.errors import Refused
from tenantry.runbook import Runbook, parse_runbook, validate_params

if TYPE_CHECKING:
    from flows.assembly import Installation

__all__ = ["known_people", "last_drill", "pinned", "plan_of"]


def pinned(installation: Installation, runbook_id: str, tenant: str, params: Mapping[str, Any]) -> Runbook:
    """The runbook for a run that begins now.

    Raises:
        NotFound, InvalidRunbook; for an activation InvalidPlan, and Refused: the plan is another client's or a template.
    """
    runbook = installation.catalog.get(runbook_id)
    if runbook.id != ACTIVATION:
        return runbook
    values = validate_params(runbook, params)
    loaded = plan_of(installation, values["plan"], tenant)
    if loaded.plan.tenant not in (None, tenant):
        raise Refused(f"the plan {loaded.plan.id} is of another client", remedy=f"Write one for {tenant}.")
    text = compiled(loaded, runbook.text, purpose=values["purpose"], graceful=values["graceful"])
    return parse_runbook(
        text, f"{loaded.file} (activation)", registry=installation.registry, templates=installation.catalog.templates
    )


def plan_of(installation: Installation, name: str, tenant: str | None) -> LoadedPlan:
    """A plan, judged as of today. Raises NotFound, InvalidPlan."""
    path = find_plan(installation.home, name, tenant)
    return load_plan(
        path,
        installation.registry,
        today=installation.journal.clock.now().date(),
        known=known_people(installation, tenant) if tenant is not None else None,
        drilled=last_drill(installation, tenant, name) if tenant is not None else None,
    )


def known_people(installation: Installation, tenant: str) -> frozenset[str]:
    """Ids of the estate's people and of the client's contacts."""
    contacts = {contact.id for contact in installation.tenants.get(tenant).contacts}
    return frozenset(contacts | set(installation.people.records()))


def last_drill(installation: Installation, tenant: str, plan: str) -> date | None:
    """Day of the newest drill of a plan that came to its end."""
    for index in installation.journal.runs(tenant):
        if index.runbook != ACTIVATION or index.standing not in ("completed", "completed_with_exceptions"):
            continue
        state = installation.state(index.run_id)
        if state.mode == "drill" and state.params.get("plan") == plan:
            return state.created_at.date()
    return None
