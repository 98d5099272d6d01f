"""What the report says, as data. Pure: the run's record, what was measured and what a person wrote go in, so it can be made again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.disaster.load import told
from tenantry.disaster.measure import Achieved
from tenantry.disaster.score import participants, score
from tenantry.errors import ApprovalExpired, Conflict, NotAuthenticated, OutOfScope, RateLimited
from tenantry.onboarding.words import day
from tenantry.timeline.words import outcome_words

__all__ = [
    "DRILL",
    "REHEARSAL",
    "STATES",
    "TRAINED",
    "began",
    "document",
    "ended",
    "length",
    "run_from",
    "scored_line",
    "step_words",
    "taken",
]

STATES: Final = {
    "recovered": ("recovered and checked", "good"),
    "unproven": ("not shown to be back", "warn"),
    "failed": ("failed", "bad"),
    "waiting": ("not recovered", "bad"),
}
"""State → words, look."""
_MOST: Final = 500
_DECIDED: Final = {"by_hand": "done by hand", "left_out": "left out"}
_REFUSALS: Final = {
    OutOfScope.code: "may not answer this",
    NotAuthenticated.code: "a code that is not theirs",
    RateLimited.code: "too many wrong codes",
    Conflict.code: "answered already",
    ApprovalExpired.code: "asked too long ago",
}
"""Why an answer was refused, in words."""
_INTERRUPTED: Final = 5
"""Interruptions that are told one by one."""
DRILL: Final = "Drill: this ran on a stand-in. No health check was asked and no data was looked at; times are those of the rehearsal."
REHEARSAL: Final = "Rehearsal: this ran on scratch targets. Nothing had happened, and no step named a site of the plan."
TRAINED: Final = (
    "Each proved who they are with their code when they answered; this record counts as evidence of their training."
)
_WHOLE: Final = re.compile(r": (none of its health checks has|no step of its procedure is)")
"""A gap that leaves out a whole system (`tenantry.disaster.rehearse`)."""


def length(seconds: float | None) -> str:
    """``1h30m``; a dash where it is not known."""
    return "–" if seconds is None else told(timedelta(seconds=round(seconds)))


def taken(seconds: float | None) -> str:
    """How long a system was away."""
    return "not back" if seconds is None else length(seconds)


def began(d: Mapping[str, Any]) -> str:
    """What the beginning of the clocks is called: nothing was away in a rehearsal, nor before a failback."""
    return {"rehearsal": "Rehearsal began", "failback": "Failback began"}.get(d["purpose"], "Outage began")


def run_from(d: Mapping[str, Any]) -> str:
    """What the picture's time runs from, in one word."""
    return {"rehearsal": "rehearsal", "failback": "failback"}.get(d["purpose"], "outage")


def step_words(step: Mapping[str, Any]) -> str:
    """How a step ended; what a person decided over is not called unneeded."""
    return str(step["decided"] or outcome_words(step["outcome"], step["task"]))


def ended(d: Mapping[str, Any]) -> str:
    """What the end is called."""
    return "Ended by" if d["purpose"] == "rehearsal" else "Service back declared by"


def scored_line(scored: Mapping[str, Any]) -> str:
    """The score, in a sentence."""
    within = f"{scored['within']} of the plan's {scored['planned']} systems came back, checked, within what was agreed"
    points = "nothing is scored" if scored["points"] is None else f"{scored['points']} of 100"
    return f"{points}: {within}; {scored['rehearsed']} were rehearsed, and {scored['failures']} things failed or were decided by people."


def document(
    run: Mapping[str, Any],
    systems: Sequence[Achieved],
    *,
    client: str,
    at: str,
    findings: Sequence[str],
    lessons: str,
    step: str,
    gaps: Sequence[str] = (),
    up_before: Sequence[str] = (),
) -> dict[str, Any]:
    """The report.

    Args:
        run: as `Recorded.run` gives it.
        at: when the report is made, RFC 3339.
        findings: what was wrong with the plan when it was activated.
        lessons: in the words of whoever wrote them.
        step: the one that makes the report, which is left out.
        gaps: of a rehearsal, what was not rehearsed.
        up_before: systems that answered as they should when the run began.
    """
    back = [one for one in systems if one.state == "recovered"]
    missed = [one for one in systems if one.rto_kept is False]
    lost = [one for one in systems if one.rpo_kept is False]
    unmeasured = [one for one in systems if one.rpo_seconds is not None and one.lost_seconds is None]
    outage = systems[0].outage_began if systems else None
    declared = systems[0].declared_at if systems else None
    steps = [one for one in run["steps"] if one["id"] != step]
    lab, rehearsal = run["mode"] == "drill", run["params"].get("purpose") == "rehearsal"
    scored = None
    if lab or rehearsal:
        left = {gap.partition(":")[0] for gap in gaps if _WHOLE.search(gap)}
        planned = len(systems) + len(left)
        scored = score(systems, gaps=gaps, up_before=up_before, planned=planned, lab=lab)
    return {
        "score": scored,
        "participants": participants(run),
        "note": DRILL if lab else REHEARSAL if rehearsal else "",
        "client": client,
        "title": run["title"],
        "mode": run["mode"],
        "run_id": run["run_id"],
        "at": at,
        "plan": run["params"].get("plan", ""),
        "purpose": run["params"].get("purpose", ""),
        "graceful": bool(run["params"].get("graceful")),
        "outage_began": rfc3339(outage) if outage else None,
        "declared_at": rfc3339(declared) if declared else None,
        "declared_by": _by(run, "declared"),
        "back_by": _by(run, "service_back"),
        "told": [*_told(systems, back, missed, lost, unmeasured), *_interrupted(run)],
        "badges": _badges(systems, back, missed, lost, run["mode"], scored),
        "systems": [one.model_dump(mode="json") for one in systems],
        "counts": {
            "systems": len(systems),
            "back": len(back),
            "missed": len(missed),
            "lost": len(lost),
            "unmeasured": len(unmeasured),
        },
        "exceptions": [{"system": one.title, "text": text} for one in systems for text in one.exceptions],
        "findings": [one for one in findings if one.removeprefix("not rehearsed: ") not in gaps],
        "lessons": lessons,
        "refused": _refused(run),
        "decisions": _decisions(run),
        "steps": [
            {
                "title": one.get("title") or one["id"],
                "outcome": one["outcome"],
                "decided": _DECIDED[one["decided"]["choice"]] if one.get("decided") else "",
                "task": one["task"],
                "started_at": one["started_at"],
                "finished_at": one["finished_at"],
                "error": (one["error"] or {}).get("message", "") if one["error"] else (one["note"] or ""),
            }
            for one in steps
            if one["outcome"] is not None
        ][:_MOST],
    }


def _told(
    systems: Sequence[Achieved],
    back: Sequence[Achieved],
    missed: Sequence[Achieved],
    lost: Sequence[Achieved],
    unmeasured: Sequence[Achieved],
) -> list[str]:
    lines = [f"{len(back)} of {len(systems)} systems are back and answered as they should."]
    for one in systems:
        if one.state != "recovered":
            lines.append(f"{one.title} is not shown to be back.")
    if missed:
        lines.append(
            "Later than agreed (RTO): "
            + ", ".join(
                f"{one.title} ({taken(one.achieved_seconds)}, agreed {length(one.rto_seconds)})" for one in missed
            )
            + "."
        )
    elif systems and len(back) == len(systems):
        lines.append("Every system was back within the time that was agreed (RTO).")
    if lost:
        lines.append(
            "More lost than agreed (RPO): "
            + ", ".join(f"{one.title} ({length(one.lost_seconds)}, agreed {length(one.rpo_seconds)})" for one in lost)
            + "."
        )
    if unmeasured:
        lines.append(
            "How much was lost is not known, because nobody measured it: "
            + ", ".join(one.title for one in unmeasured)
            + "."
        )
    return lines


def _interrupted(run: Mapping[str, Any]) -> list[str]:
    """That whoever carried it died under it, when, and for how long nothing was done; and what else of the service did."""
    found = [(parse_rfc3339(one["from"]), parse_rfc3339(one["until"])) for one in run.get("interruptions", ())]
    told = [
        f"Under it the {one['process']} ended at {day(one['at'])} and was started again."
        for one in run.get("restarts", ())[:_INTERRUPTED]
    ]
    if not found:
        return told
    when = [
        f"{day(rfc3339(began))} for {length((over - began).total_seconds())}" for began, over in found[:_INTERRUPTED]
    ]
    more = f", and {len(found) - _INTERRUPTED} times more" if len(found) > _INTERRUPTED else ""
    return [f"The run was interrupted and went on from its record: {', '.join(when)}{more}.", *told]


def _badges(
    systems: Sequence[Achieved],
    back: Sequence[Achieved],
    missed: Sequence[Achieved],
    lost: Sequence[Achieved],
    mode: str,
    scored: Mapping[str, Any] | None,
) -> list[dict[str, str]]:
    whole = len(back) == len(systems) and bool(systems)
    badges = [
        {
            "text": "all systems back" if whole else f"{len(systems) - len(back)} not shown to be back",
            "look": "good" if whole else "bad",
        },
        {
            "text": "RTO missed" if missed else "RTO kept" if whole else "RTO not known",
            "look": "bad" if missed else "good" if whole else "warn",
        },
    ]
    measured = [one for one in systems if one.lost_seconds is not None]
    wanted = [one for one in systems if one.rpo_seconds is not None]
    if wanted:
        known = all(one.lost_seconds is not None for one in wanted)
        badges.append(
            {
                "text": "RPO missed" if lost else "RPO kept" if known and measured else "RPO not measured",
                "look": "bad" if lost else "good" if known and measured else "warn",
            }
        )
    if scored is None:
        return badges
    badges.insert(0, {"text": "drill" if mode == "drill" else "rehearsal", "look": "calm"})
    if scored["gaps"]:
        badges.append({"text": f"{len(scored['gaps'])} gaps", "look": "warn"})
    return badges


def _by(run: Mapping[str, Any], step: str) -> str:
    output = next((one["output"] for one in run["steps"] if one["id"] == step and one["output"]), None) or {}
    return str(output.get("by", ""))


def _decisions(run: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every answer that a person gave, in order."""
    titles = {one["id"]: one.get("title") or one["id"] for one in run["steps"]}
    found = [
        {
            "at": decision["at"],
            "by": decision["by"],
            "what": titles.get(approval["step"], approval["step"]),
            "asked": "; ".join(approval.get("reasons", ())),
            "decision": "done by hand"
            if decision.get("by_hand")
            else {"approve": "yes", "deny": "no"}[decision["decision"]],
            "reason": decision.get("reason") or "",
        }
        for approval in run["approvals"]
        for decision in approval["decisions"]
    ]
    return sorted(found, key=lambda one: one["at"])


def _refused(run: Mapping[str, Any]) -> list[dict[str, str]]:
    """Answers that were refused: given by somebody who may not, or with a wrong code."""
    titles = {one["id"]: one.get("title") or one["id"] for one in run["steps"]}
    return [
        {
            **{"at": one["at"], "who": one["person"], "why": _REFUSALS.get(one["why"], one["why"])},
            "step": titles.get(one.get("step"), one.get("step") or ""),
        }
        for one in run.get("refusals", ())
    ]
