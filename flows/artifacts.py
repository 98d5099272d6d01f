"""What a run shows in the Prefect UI besides its graph: steps table, timeline, findings."""

from __future__ import annotations

import html
import json
from typing import Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from flows.assembly import Installation
from tenantry.run import RunState

_ROWS = 500
_VALUE = 120


async def publish(installation: Installation, state: RunState) -> None:
    """Create or renew the run's artifacts. Keys are per run, so each has its history."""
    view = installation.view(state.run_id)
    key = state.run_id.lower()
    await acreate_table_artifact(
        key=f"steps-{key}", table=_steps(view), description=f"Steps of `{state.runbook}` for {text(state.tenant)}"
    )
    await acreate_markdown_artifact(key=f"timeline-{key}", markdown=_timeline(view), description="Timeline")
    findings = _findings(view)
    if findings:
        await acreate_table_artifact(
            key=f"findings-{key}", table=findings, description="What was found, and whose it is"
        )


def _steps(view: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "phase": step["phase"],
            "step": step["id"],
            "item": step["item"] or "",
            "outcome": step["outcome"] or "",
            "started": step["started_at"] or "",
            "finished": step["finished_at"] or "",
            "changes": "; ".join(
                f"{change['path']}: {value(change['before'])} → {value(change['after'])}" for change in step["changes"]
            ),
            "error": f"{step['error']['code']}: {step['error']['message']}" if step["error"] else "",
        }
        for step in view["steps"][:_ROWS]
    ]


def _timeline(view: dict[str, Any]) -> str:
    lines = [
        f"# {text(view['subject'])}",
        "",
        f"**{view['status'].replace('_', ' ')}** · tenant {text(view['tenant'])} · mode {view['mode']} · "
        f"attempt {view['attempt']} · started {view['started_at']}",
        "",
        f"The whole timeline: `tenantry timeline {view['run_id']} --format html -o timeline.html`",
        "",
        "| when | phase | step | item | outcome |",
        "|---|---|---|---|---|",
    ]
    done = sorted((step for step in view["steps"] if step["finished_at"]), key=lambda step: step["finished_at"])
    lines.extend(
        f"| {step['finished_at']} | {step['phase']} | {step['id']} | {text(step['item'] or '')} | {step['outcome']} |"
        for step in done[:_ROWS]
    )
    if view["waiting_for"]:
        lines.extend(["", "## Waiting for", ""])
        lines.extend(
            f"- **{question['step']}** ({question['role']}, until {question['expires_at']}): {text(question['question'])}"
            for question in view["waiting_for"]
        )
    if view["clocks"]:
        lines.extend(["", "## Clocks", "", "| clock | started | due | stopped |", "|---|---|---|---|"])
        lines.extend(
            f"| {text(clock['name'])} | {clock['started_at']} | {clock['due_at']} | {clock.get('stopped_at') or ''} |"
            for clock in view["clocks"]
        )
    return "\n".join(lines)


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


def text(value: str) -> str:
    """Names that attackers choose, harmless in Markdown and HTML: escaped, on one line, of bounded length."""
    flat = "".join(" " if ord(character) < 32 else character for character in value)[:400]
    escaped = html.escape(flat, quote=False)
    return "".join(f"\\{c}" if c in "\\`*_[]|#!" else c for c in escaped)


def value(inner: Any) -> str:
    """A changed value, short."""
    if inner is None:
        return "none"
    shown = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
    return text(shown if len(shown) <= _VALUE else shown[: _VALUE - 1] + "…")
