"""Runs that belong together: one found what another answers. Both reports name the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tenantry.timeline.model import StepRow
from tenantry.timeline.words import human_name

__all__ = ["opened", "opener"]


def opener(requester: Mapping[str, Any]) -> str:
    """The run that opened one, and of which runbook it is; empty: a person, a schedule or an alert did.

    Args:
        requester: of the run that was opened.
    """
    run = requester.get("run")
    if not run:
        return ""
    runbook = requester.get("runbook")  # older records say only the run
    return f"{human_name(str(runbook))}, run {run}" if runbook else f"run {run}"


def opened(steps: Iterable[StepRow]) -> list[str]:
    """The runs that steps opened (`incident.open_incident`), each with its runbook."""
    changes = [change for step in steps if step.outcome == "changed" for change in step.changes]
    paths = [(str(change["path"]).split("/"), change["after"]) for change in changes]
    return [
        f"{human_name(str(after))}, run {part[1]}"
        for part, after in paths
        if len(part) == 3 and (part[0], part[2]) == ("run", "opened")
    ]
