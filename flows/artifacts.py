"""What a run shows in the Prefect UI besides its graph: steps table, timeline, findings.

They are pictures of the record, renewed at every stop; a run whose server is away goes on without them.
"""

from __future__ import annotations

import asyncio
import html
import json
from typing import Any, Final

from prefect.artifacts import (
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
)
from prefect.logging import get_logger

from flows.assembly import Installation
from flows.server import timeline_page
from tenantry.clock import parse_rfc3339
from tenantry.run import RunState

_ROWS: Final = 500
_VALUE: Final = 120
_NAME: Final = 400
_PATIENCE: Final = 20.0
"""Seconds for all of them; the run's result does not wait longer for its pictures."""


async def publish(installation: Installation, state: RunState) -> None:
    """Create or renew the run's artifacts. Keys are per run, so each has its history. Never fails."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await _publish(installation, state)
    except Exception as problem:  # noqa: BLE001  # whatever ails Prefect, the run's result is the record's
        get_logger(__name__).warning("artifacts of run %s are missing: %s", state.run_id, type(problem).__name__)


async def _publish(installation: Installation, state: RunState) -> None:
    view = installation.view(state.run_id)
    key = state.run_id.lower()
    page = timeline_page(installation.home, state.run_id)
    await acreate_table_artifact(
        key=f"steps-{key}", table=_steps(view), description=f"Steps of `{state.runbook}` for {text(state.tenant)}"
    )
    await acreate_markdown_artifact(key=f"timeline-{key}", markdown=_timeline(view, page), description="Timeline")
    if page is not None:
        await acreate_link_artifact(
            key=f"page-{key}",
            link=page,
            link_text="The whole timeline",
            description="The timeline as a page; sign in as here",
        )
    progress = view["progress"]
    if progress is not None and _takes_days(installation, state):
        said = f"{progress['done']} of {progress['of']} steps; {_waits(view)}"
        await acreate_progress_artifact(key=f"progress-{key}", progress=float(progress["percent"]), description=said)
    findings = _findings(view)
    if findings:
        await acreate_table_artifact(
            key=f"findings-{key}", table=findings, description="What was found, and whose it is"
        )


def _takes_days(installation: Installation, state: RunState) -> bool:
    """Whether how far the run is says something: an incident's is over before anybody looks, and each artifact is a request."""
    runbook = installation.runbook_of(state)
    return runbook is not None and runbook.kind in ("onboarding", "offboarding")


def _waits(view: dict[str, Any]) -> str:
    """What waits for whom, in one line."""
    waiting = [f"{text(w['step'])} waits for {text(w['owner'])}" for w in view["waiting_for"]]
    return ", ".join(waiting[:5]) + (f" and {len(waiting) - 5} more" if len(waiting) > 5 else "") or "nothing waits"


def _steps(view: dict[str, Any]) -> list[dict[str, Any]]:
    waiting = {(question["step"], question["item"]) for question in view["waiting_for"]}
    return [
        {
            "phase": step["phase"],
            "step": step["id"],
            "item": step["item"] or "",
            "outcome": _outcome(step, (step["id"], step["item"]) in waiting),
            "changes": "; ".join(
                f"{change['path']}: {value(change['before'])} → {value(change['after'])}" for change in step["changes"]
            ),
            "slowed": f"{step['throttled']['seconds']:.0f} s by a vendor" if step["throttled"] else "",
            "error": f"{step['error']['code']}: {step['error']['message']}" if step["error"] else "",
            "started": moment(step["started_at"]),
            "finished": moment(step["finished_at"]),
        }
        for step in view["steps"][:_ROWS]
    ]


def _outcome(step: dict[str, Any], waits: bool) -> str:
    if waits:
        return "waits for a person"
    return (step["outcome"] or "not begun").replace("_", " ")


def _timeline(view: dict[str, Any], page: str | None) -> str:
    whole = f"`tenantry timeline {view['run_id']} --format html -o timeline.html`"
    lines = [
        f"# {text(view['subject'])}",
        "",
        f"**{view['status'].replace('_', ' ')}** · tenant {text(view['tenant'])} · mode {view['mode']} · "
        f"attempt {view['attempt']} · started {moment(view['started_at'])}",
        "",
        f"[The whole timeline]({page}), or {whole}" if page else f"The whole timeline: {whole}",
        "",
        "| when | phase | step | item | outcome |",
        "|---|---|---|---|---|",
    ]
    done = sorted((step for step in view["steps"] if step["finished_at"]), key=lambda step: step["finished_at"])
    lines.extend(
        f"| {moment(step['finished_at'])} | {step['phase']} | {step['id']} | {text(step['item'] or '')} "
        f"| {step['outcome'].replace('_', ' ')} |"
        for step in done[:_ROWS]
    )
    if view["waiting_for"]:
        lines.extend(["", "## Waiting for", ""])
        lines.extend(
            f"- **{question['step']}** ({text(question['owner'])}, {_until(question)}): {text(question['question'])}"
            for question in view["waiting_for"]
        )
    if view["clocks"]:
        lines.extend(["", "## Clocks", "", "| clock | started | due | stopped |", "|---|---|---|---|"])
        lines.extend(
            f"| {text(clock['name'])} | {moment(clock['started_at'])} | {moment(clock['due_at'])} "
            f"| {moment(clock.get('stopped_at'))} |"
            for clock in view["clocks"]
        )
    return "\n".join(lines)


def _until(question: dict[str, Any]) -> str:
    ahead = question["reminders"][question["reminded"] :]
    reminder = f"reminder {moment(ahead[0])}, " if ahead else ""
    return f"{reminder}until {moment(question['expires_at'])}"


def _findings(view: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of every output that attributes artefacts: the attacker's, the user's own, those for a person to judge."""
    rows: list[dict[str, Any]] = []
    for step in view["steps"]:
        output = step["output"]
        if not isinstance(output, dict):
            continue
        for verdict in ("attributed", "for_person", "kept"):
            found = output.get(verdict)
            for finding in found if isinstance(found, list) else []:
                if isinstance(finding, dict):
                    rows.append(
                        {"verdict": verdict.replace("_", " ")}
                        | {name: value(inner) for name, inner in finding.items() if not isinstance(inner, (dict, list))}
                    )
    return rows[:_ROWS]


def moment(at: str | None) -> str:
    """A recorded time for people: to the second, in UTC; empty for none."""
    return f"{parse_rfc3339(at):%Y-%m-%d %H:%M:%S} UTC" if at else ""


def text(value: str, longest: int = _NAME) -> str:
    """Names that attackers choose, harmless in Markdown and HTML: escaped, on one line, of bounded length."""
    flat = "".join(character if character.isprintable() else " " for character in value)[:longest]
    escaped = html.escape(flat, quote=False)
    return "".join(f"\\{c}" if c in "\\`*_[]|#!" else c for c in escaped)


def value(inner: Any) -> str:
    """A changed value, short."""
    if inner is None:
        return "none"
    shown = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
    return text(shown if len(shown) <= _VALUE else shown[: _VALUE - 1] + "…")
