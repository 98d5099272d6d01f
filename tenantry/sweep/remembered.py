"""What is remembered from one sweep of a tenant to the next: which findings somebody accepted, and what was found the last time.

Nothing of it is kept beside the record: acceptances are entries of the tenant's tree, and what a sweep found is evidence of its run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.sweep.marks import TOO_MANY
from tenantry.sweep.model import Finding, Sweep, rank

__all__ = ["ACCEPTED", "WITHDRAWN", "Acceptance", "acceptances", "compare", "document"]

ACCEPTED: Final = "sweep.accepted"
WITHDRAWN: Final = "sweep.acceptance_withdrawn"
"""Kinds of entries."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody has said that a finding is meant to be so.

    Attributes:
        finding: its id.
        severity: up to which it is accepted.
        marks: what it was about then (`tenantry.sweep.marks`).
        by: who answers for it.
        at, until: RFC 3339.
    """

    finding: str
    rule: str
    title: str
    entity: Mapping[str, str]
    severity: str
    marks: tuple[str, ...]
    by: str
    reason: str
    at: str
    until: str

    def in_force(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return now < parse_rfc3339(self.until)

    def covers(self, finding: Finding, now: datetime) -> bool:
        """Whether the finding stays silent: it is in force, and nothing about the finding is new or worse."""
        return (
            finding.id == self.finding
            and self.in_force(now)
            and rank(finding.severity) <= rank(self.severity)
            and TOO_MANY not in finding.marks
            and finding.marks.issubset(self.marks)
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON, as its entry holds it."""
        return {**asdict(self), "entity": dict(self.entity), "marks": list(self.marks)}

    def shown(self) -> dict[str, str]:
        """What stands beside a finding that it silences."""
        return {"by": self.by, "reason": self.reason, "at": self.at, "until": self.until}


def acceptances(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Acceptance]:
    """Finding → its acceptance, expired ones too, from entries in their order.

    Args:
        entries: kind and payload.
    """
    found: dict[str, Acceptance] = {}
    for kind, payload in entries:
        if kind == WITHDRAWN:
            found.pop(str(payload["finding"]), None)
        elif kind == ACCEPTED:
            one = Acceptance(**{**payload, "marks": tuple(payload["marks"])})
            found[one.finding] = one
    return found


def document(sweep: Sweep, run_id: str, earlier: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """A live sweep as JSON, with what the next one needs to know of it.

    Args:
        earlier: that of the sweep before; None: there is none, or it can no longer be read.
    """
    whole = sweep.as_dict()
    everything = [*sweep.findings, *(finding for finding, _ in sweep.accepted)]
    marks = {finding.id: sorted(finding.marks) for finding in everything}
    whole["run_id"], whole["swept_at"] = run_id, rfc3339(now)
    whole["since_last"] = compare(sweep, earlier)
    density: Counter[float] = Counter()
    for at, count in sweep.density:
        density[at] += count
    whole["density"] = [[at, count] for at, count in sorted(density.items())]
    episodes = {**_episodes(earlier), **_carried(earlier)}
    for one in (*whole["findings"], *whole["accepted"]):
        one["marks"] = marks[one["id"]]
        one["episode"] = episodes.get(one["id"], run_id)
    return whole


def _episodes(earlier: Mapping[str, Any] | None) -> dict[str, str]:
    """Finding → the run that saw it first, of those that the earlier sweep saw: it is the same one as long as no sweep sees it gone."""
    seen = [*earlier["findings"], *earlier["accepted"]] if earlier else []
    return {one["id"]: one["episode"] for one in seen}


def _carried(earlier: Mapping[str, Any] | None) -> dict[str, str]:
    return {one["id"]: one["episode"] for one in (earlier["since_last"]["not_looked_at"] if earlier else ())}


def compare(sweep: Sweep, earlier: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is new, changed, gone, and not looked at this time, against the sweep before.

    Returns:
        JSON: ``run_id`` and ``at`` of the earlier sweep (null: there is none), ``new`` and ``changed`` (ids of findings), ``gone`` and
        ``not_looked_at`` (findings of the earlier sweep in brief, each with ``why``). What could not be looked at is not gone.
    """
    here = {finding.id: finding for finding in sweep.findings}
    silent = {finding.id for finding, _ in sweep.accepted}
    shown: dict[str, Any] = {
        "run_id": earlier["run_id"] if earlier else None,
        "at": earlier["swept_at"] if earlier else None,
        "new": [],
        "changed": [],
        "gone": [],
        "not_looked_at": [],
    }
    before = {one["id"]: one for one in earlier["findings"]} if earlier else {}
    hushed = {one["id"]: one for one in earlier["accepted"]} if earlier else {}
    missed = {one["id"]: one for one in earlier["since_last"]["not_looked_at"]} if earlier else {}
    for name, finding in here.items():
        known = before.get(name) or hushed.get(name) or missed.get(name)
        if known is None:
            shown["new"].append(name)
        elif (
            name in hushed
            or rank(finding.severity) > rank(known["severity"])
            or not finding.marks.issubset(known["marks"])
        ):
            shown["changed"].append(name)
    for name, one in {**missed, **hushed, **before}.items():
        if name not in here and name not in silent:
            lost, why = _whereabouts(one, sweep)
            brief = {key: one[key] for key in _BRIEF if key in one}
            shown["not_looked_at" if lost else "gone"].append({**brief, "why": why})
    return shown


_BRIEF: Final = ("id", "rule", "title", "severity", "entity", "first_seen", "last_seen", "source", "marks", "episode")


def _whereabouts(one: Mapping[str, Any], sweep: Sweep) -> tuple[bool, str]:
    """Whether a finding that is not there was perhaps not looked at, and why it is not there."""
    log = one.get("source")
    if log is not None:
        if not sweep.logs.get(log, False):
            return True, f"the log {log} was not read to its end"
        start = sweep.window[0] if sweep.window else 0.0
        old = parse_rfc3339(one["last_seen"]).timestamp() < start
        return (
            False,
            "its events are older than what was looked at" if old else "its events are not in the log any more",
        )
    status = {check["check"]: check["status"] for check in sweep.checks}.get(one["rule"])
    if status is None or status == "not_applicable":
        return True, "this is not checked here any more"
    if any(reason["check"] in (one["rule"], "all") for reason in sweep.could_not_check):
        return True, "its check could not look at everything"
    return False, "it is not so any more"
