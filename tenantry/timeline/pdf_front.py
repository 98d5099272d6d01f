"""The report's title page and its summary for those who decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.timeline.glyphs import breakable
from tenantry.timeline.model import ClockState, Timeline, Verdict
from tenantry.timeline.pdf_cells import (
    Part,
    Section,
    piece,
    table,
)
from tenantry.timeline.words import STATUSES, clocks_title, human_name, moment, span

__all__ = ["Front"]


_STATUS_LOOKS: Final = {
    "completed": "good",
    "planned": "calm",
    "undone": "violet",
    "cancelled": "calm",
    "running": "people",
    "waiting_for_approval": "people",
}
_CLOCK_LOOKS: Final = {
    ClockState.MET: "good",
    ClockState.MISSED: "bad",
    ClockState.RUNNING: "people",
    ClockState.OVERDUE: "bad",
}


class Front(Section):
    """Title page and summary."""

    def cover(self, kind: str, subject: str) -> dict[str, Any]:
        """The title page."""
        t, text = self._t, self._text
        badges = [{"look": _STATUS_LOOKS.get(t.status, "bad"), "text": f"Status: {STATUSES.get(t.status, t.status)}"}]
        if t.severity:
            heavy = "bad" if t.severity in ("high", "critical") else "warn" if t.severity == "medium" else "calm"
            badges.append({"look": heavy, "text": f"Severity: {text(t.severity, 40)}"})
        proven = "identity proven" if t.requester_proven else "identity not proven"
        facts = [
            ("Client", text(t.tenant_title, 200), False),
            ("Opened by", text(t.opened_by, 200), False)
            if t.opened_by
            else (
                "Asked for by",
                f"{text(t.requested_by, 200)} ({proven})" if t.requested_by else "not recorded",
                False,
            ),
            *([("Opened", text("; ".join(t.opened), 400), False)] if t.opened else []),
            ("Started", moment(t.started_at), False),
            ("Ended", moment(t.ended_at) if t.ended_at else "not ended", False),
            ("Record as of", moment(t.record.as_of), False),
            ("Runbook", f"{text(t.runbook)} {text(t.version)}", False),
            ("Run", t.run_id, True),
        ]
        if t.attack:
            facts.append(("ATT&CK techniques", ", ".join(t.attack), False))
        return {
            "kind": f"{kind} · timeline",
            "title": text(t.title, 200),
            "subject": breakable(subject, 40),
            "badges": badges,
            "banner": _banner(t),
            "facts": [{"name": name, "value": breakable(value, 48), "code": code} for name, value, code in facts],
            "notice": "Confidential. This report holds personal data and the names of accounts. Names of files, rules and applications in it may have been chosen by an attacker. It was made from the run's record alone and is a rendering of it: the record, whose entries are numbered here, is the authority. The last part says how to check it. All times are UTC.",
        }

    def summary(self) -> dict[str, Any]:
        """What is most to be known, on one page: sentences, figures, clocks, what is not known."""
        t, text = self._t, self._text
        parts: list[Part] = []
        if t.clocks:
            parts.append(self._clocks())
        if t.unknown:
            many = 12
            listed = [breakable(text(line, 600), 60) for line in t.unknown[:many]]
            if len(t.unknown) > many:
                listed.append(f"and {len(t.unknown) - many} more, listed under “What is not known” below")
            parts.append({"title": "What is not known", "list": listed})
        return {
            "title": "Summary",
            "lines": [breakable(text(line), 60) for line in t.summary],
            "tiles": list(_tiles(t)),
            "parts": parts,
        }

    def _clocks(self) -> Part:
        text = self._text
        rows = []
        for clock in self._t.clocks:
            late = clock.margin.total_seconds() < 0
            left = f"{span(abs(clock.margin))} {'too late' if late else 'left' if clock.stopped_at is None else 'to spare'}"
            about = [piece("strong", breakable(text(human_name(clock.name), 200), 30))]
            about += [piece("small", breakable(text(line, 300), 40)) for line in (clock.duty, clock.source) if line]
            due = [piece("text", moment(clock.due_at)), piece("small", f"from {moment(clock.started_at)}")]
            if clock.stopped_at:
                due.append(piece("small", f"stopped {moment(clock.stopped_at)}"))
            state = [{**piece("pill", clock.state.value), "look": _CLOCK_LOOKS[clock.state]}, piece("small", left)]
            rows.append([about, due, state])
        lead = f"Each starts from a person's recorded determination. Those that still run are shown as of {moment(self._t.record.as_of)}."
        return {
            "title": clocks_title(clock.name for clock in self._t.clocks),
            "lead": lead,
            "table": table(("Duty", "Due", "State"), ("1.5fr", "1.2fr", "34mm"), rows),
        }


def _banner(t: Timeline) -> str:
    if t.mode == "drill":
        return "Drill: this ran on a stand-in tenant. Nothing of it happened at the client."
    if t.mode == "plan":
        return "Plan: the platform looked and changed nothing. Changes shown are what a run would make."
    if t.ended_at is None:
        return f"This run has not ended. What is here is its record as of {moment(t.record.as_of)}."
    return ""


def _tiles(t: Timeline) -> Iterator[Mapping[str, str]]:
    named = {
        "dwell": ("attacker present before the report", ""),
        "cut": ("from report to access cut", "good"),
        "containment": ("from report to verified containment", "good"),
    }
    for duration in t.durations:
        if duration.key in named and (duration.value is not None or t.kind == "incident"):
            words, look = named[duration.key]
            known = duration.value is not None
            value = span(duration.value) if duration.value is not None else "not known"
            yield {"value": value, "words": words, "look": look if known else "warn"}
    count = Counter(row.outcome for row in t.steps)
    if count["would_change"]:
        yield {"value": f"{count['would_change']:,}", "words": "changes that a run would make", "look": "warn"}
    elif count["changed"] or t.mode == "run":
        look = "good" if count["changed"] else ""
        yield {"value": f"{count['changed']:,}", "words": "changes made, each verified", "look": look}
    bad = count["failed"] + count["unknown"] + count["undo_failed"]
    yield {"value": f"{bad:,}", "words": "steps failed or not known", "look": "bad" if bad else ""}
    if t.findings:
        kept = Counter(finding.verdict for finding in t.findings)
        value = f"{kept[Verdict.ATTRIBUTED]:,} / {kept[Verdict.KEPT]:,} / {kept[Verdict.FOR_PERSON]:,}"
        yield {"value": value, "words": "found: the attacker's / kept / for a person", "look": ""}
