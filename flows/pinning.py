"""The runbook that a new run is pinned to: as the catalogue has it, or, for an activation, made of the client's plan. Knows no Prefect."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from tenantry.clock import rfc3339
from tenantry.disaster.backups import CheckedBackup, known
from tenantry.disaster.checking import CHECK, checking
from tenantry.disaster.compile import ACTIVATION, compiled
from tenantry.disaster.load import KnownBackup, LoadedPlan, find_plan, load_plan, plan_files
from tenantry.disaster.score import participants
from tenantry.errors import InvalidPlan, Refused
from tenantry.runbook import Runbook, parse_runbook, validate_params

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.run import RunState

__all__ = ["backup_checks", "known_people", "last_drill", "pinned", "plan_of", "rehearsals"]


_CHECKS: Final = 200
"""Checks of backups that are looked through for what is known of a source."""


def pinned(installation: Installation, runbook_id: str, tenant: str, params: Mapping[str, Any]) -> Runbook:
    """The runbook for a run that begins now.

    Raises:
        NotFound, InvalidRunbook; for a check of backups Refused: a plan is another client's; for an activation InvalidPlan, and Refused: the plan is another client's or a template.
    """
    runbook = installation.catalog.get(runbook_id)
    if runbook.id == CHECK:
        return _backup_check(installation, runbook, tenant, validate_params(runbook, params))
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


def _backup_check(installation: Installation, runbook: Runbook, tenant: str, values: Mapping[str, Any]) -> Runbook:
    """Of the plans that were named, or of all that are this client's. Raises NotFound: there is no such plan; Refused: it is another client's."""
    plans, refused = [], {}
    for name in values["plans"] or sorted(plan_files(installation.home, tenant)):
        try:
            loaded = plan_of(installation, name, tenant)
        except InvalidPlan as error:
            refused[name] = error.message
            continue
        if loaded.plan.tenant == tenant:
            plans.append(loaded)
        elif values["plans"]:
            raise Refused(
                f"the plan {name} is not this client's", remedy=f"`tenantry dr list --tenant {tenant}` lists them."
            )
    text = checking(
        plans,
        runbook.text,
        today=installation.journal.clock.now().date(),
        restore=values["restore"],
        known=_known_backups(installation, tenant),
        refused=refused,
    )
    return parse_runbook(
        text, f"{runbook.id} ({tenant})", registry=installation.registry, templates=installation.catalog.templates
    )


def backup_checks(installation: Installation, tenant: str) -> Iterator[tuple[RunState, list[CheckedBackup]]]:
    """Checks of a client's backups that came to a result, the newest first; drills and plans are none."""
    for index in installation.journal.runs(tenant):
        if index.runbook != CHECK:
            continue
        state = installation.state(index.run_id)
        item = state.items.get(("judged", None))
        if state.mode != "run" or state.erased or item is None or not item.done or not item.output:
            continue
        try:
            yield state, [CheckedBackup.model_validate_json(json.dumps(row)) for row in item.output["backups"]]
        except ValidationError:
            continue  # of another version of the platform: looked at again, it stands as it should


def plan_of(installation: Installation, name: str, tenant: str | None) -> LoadedPlan:
    """A plan, judged as of today. Raises NotFound, InvalidPlan."""
    path = find_plan(installation.home, name, tenant)
    return load_plan(
        path,
        installation.registry,
        today=installation.journal.clock.now().date(),
        known=known_people(installation, tenant) if tenant is not None else None,
        drilled=last_drill(installation, tenant, name) if tenant is not None else None,
        backups=_known_backups(installation, tenant) if tenant is not None else None,
    )


def _known_backups(installation: Installation, tenant: str) -> dict[str, KnownBackup]:
    """Of the newest checks: enough to have seen each source restored once within half a year, if it is looked at every day."""
    return known(rows for _, rows in itertools.islice(backup_checks(installation, tenant), _CHECKS))


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
        if _kind(state) is not None and state.params.get("plan") == plan:
            return state.created_at.date()
    return None


def _kind(state: RunState) -> str | None:
    """``drill`` on the stand-in, ``rehearsal`` on scratch targets; None: the real thing, or a plan."""
    if state.mode == "drill":
        return "drill"
    return "rehearsal" if state.mode == "run" and state.params.get("purpose") == "rehearsal" else None


def rehearsals(installation: Installation, tenant: str, person: str | None = None) -> list[dict[str, Any]]:
    """Who took part in which drill or rehearsal that came to its end, the newest first: a row for each person and run."""
    found: list[dict[str, Any]] = []
    for index in installation.journal.runs(tenant):
        if index.runbook != ACTIVATION or index.standing not in ("completed", "completed_with_exceptions"):
            continue
        state = installation.state(index.run_id)
        kind = _kind(state)
        if kind is None or state.erased:
            continue
        runbook = installation.runbook_of(state)
        titles = {step.id: step.title for step in runbook.steps} if runbook is not None else {}
        view = installation.view(index.run_id)
        view["steps"] = [step | {"title": titles.get(step["id"])} for step in view["steps"]]
        for one in participants(view):
            if person in (None, one["person"]):
                ran = {
                    "run_id": state.run_id,
                    "plan": state.params.get("plan"),
                    "at": rfc3339(state.created_at),
                    "kind": kind,
                }
                found.append({**one, **ran})
    return found
