"""What the tests of whole runbooks ask of a runbook's file and of a run on the lab."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tenantry.discovery import TaskRegistry
from tenantry.places import SHIPPED
from tenantry.runbook import Runbook
from tenantry.runbook.templates import Templates
from tenantry.task import Outcome, Task

from .lab_stand import LabStand, audit_key


def above(runbook: Runbook, step_id: str) -> set[str]:
    """Every step that must have ended before this one, directly or not."""
    direct = runbook.upstream(step_id)
    return set(direct).union(*(above(runbook, name) for name in direct)) if direct else set()


def effects(runbook: Runbook, registry: TaskRegistry) -> list[Any]:
    """The steps that change something at the tenant, messages left out."""
    return [
        step for step in runbook.steps if issubclass(registry.get(step.uses), Task) and step.uses != "messenger.notify"
    ]


def lacking_facts(runbook: Runbook) -> dict[str, set[str]]:
    """Step that sends a message → facts that its template needs and that it is not given."""
    templates = Templates([SHIPPED / "messages"])
    sent = [step for step in runbook.steps if step.uses == "messenger.notify"]
    assert len(sent) >= 3, "the client is told at the start, meanwhile and at the end"
    return {
        step.id: lack
        for step in sent
        if (lack := templates.facts_needed(step.with_["template"]) - set(step.with_["facts"]))
    }


def changes(state: Any) -> set[str]:
    """Paths of what a run changed, or a plan would."""
    return {
        change.path.replace(state.run_id, "RUN")
        for item in state.items.values()
        for change in item.changes
        if item.outcome in {Outcome.WOULD_CHANGE, Outcome.CHANGED}
    }


def troubles(lab: LabStand, run_id: str = "run-1") -> dict[str, str]:
    """``step`` or ``step[item]`` → code of what went wrong."""
    return {
        step["id"] + (f"[{step['item']}]" if step["item"] else ""): step["error"]["code"]
        for step in lab.stand.view(run_id)["steps"]
        if step["error"]
    }


def written_twice(lab: LabStand) -> list[tuple[str, str, str]]:
    """Writes that the lab took more than once."""
    return [what for what, n in Counter(audit_key(lab.lab.audit)).items() if n > 1]


async def without_answers(lab: LabStand, run_id: str = "run-1") -> Any:
    """As far as the run goes while nobody answers anything."""
    access = await lab.access()
    try:
        return await lab.stand.engine(access).run(run_id)
    finally:
        await access.aclose()
