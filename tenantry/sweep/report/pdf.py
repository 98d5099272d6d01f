"""A sweep of a tenant as PDF: the report one hands over. Its layout is that of the timelines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.clock import parse_rfc3339
from tenantry.sweep.check import STATUSES
from tenantry.sweep.model import SEVERITIES, Finding, Sweep, instant
from tenantry.sweep.report.picture import picture
from tenantry.sweep.report.restore import sweep_of
from tenantry.sweep.report.words import STATUS_WORDS, by_reason, first_sentences
from tenantry.timeline.glyphs import breakable
from tenantry.timeline.pdf_cells import Part, Piece, Printable, piece, table
from tenantry.timeline.typeset import typeset

__all__ = ["pdf"]

_MOST: Final = 400
_COLOURS: Final = {"critical": "#a3123a", "high": "#d9480f", "medium": "#b7791f", "low": "#2b6cb0", "info": "#718096"}
_LOOKS: Final = {"critical": "bad", "high": "bad", "medium": "warn", "low": "people", "info": "calm"}
_STATUS_LOOKS: Final = {
    "fail": "bad",
    "unknown": "warn",
    "accepted": "violet",
    "pass": "good",
    "not_applicable": "calm",
}
_STYLE: Final = (
    "svg{background:#fff}text{font-family:'Libertinus Serif','DejaVu Sans Mono';font-size:12px;fill:#17202e}.tick{fill:#566072;font-size:11px}"
    ".grid,.rail{stroke:#c9d0da}.bar{fill:#8a96a8}"
    + "".join(f".{name}{{fill:{colour}}}" for name, colour in _COLOURS.items())
)


def pdf(document: Mapping[str, Any], title: str) -> bytes:
    """The report.

    Args:
        document: `tenantry.sweep.remembered.document`.
        title: the client, as people call them.

    Raises:
        RecordError: it could not be typeset.
    """
    return typeset(lambda text: _Report(document, title, text).inputs(), parse_rfc3339(document["swept_at"]))


class _Report:
    """The report as data for the layout."""

    def __init__(self, document: Mapping[str, Any], title: str, text: Printable) -> None:
        self._d = document
        self._sweep: Sweep = sweep_of(document)
        self._title = title
        self._text = text

    def inputs(self) -> dict[str, str]:
        """What the layout takes."""
        printed = sweep_of(self._d)
        for one in printed.findings:
            one.title = self._text(one.title, 140)
        for entity in (*printed.entities, *(one.entity for one in printed.findings)):
            entity["id"] = self._text(entity["id"], 200)
        drawn = picture(printed)
        data = {
            "title": f"Sweep for a compromise: {self._text(self._title, 200)}",
            "description": f"Sweep of run {self._d['run_id']}, {_moment(self._d['swept_at'])}",
            "keywords": ["sweep", "compromise", self._d["run_id"]],
            "footer": f"Sweep for a compromise · run {self._d['run_id']} · confidential · all times UTC",
            "cover": self._cover(),
            "summary": self._summary(),
            "picture": {
                "title": "What was found, and when",
                "lead": "Above, how many records the logs hold; below, the entities with the most against them, and when each of their "
                "findings came to be. What came to be before the window stands at its left edge.",
                "alt": f"{len(self._sweep.findings)} findings about {len(self._sweep.entities)} entities over time; all of them stand in "
                "the tables that follow.",
                "legend": f"Legend: {', '.join(reversed(SEVERITIES))}.",
            }
            if self._sweep.findings
            else None,
            "parts": list(self._parts()),
        }
        return {"data": json.dumps(data), "picture": _styled(drawn), "legend": _legend()}

    def _cover(self) -> dict[str, Any]:
        counts = Counter(one.severity for one in self._sweep.findings)
        statuses = Counter(check["status"] for check in self._d["checks"])
        badges = [
            {"look": _LOOKS[name], "text": f"{counts[name]} {name}"} for name in reversed(SEVERITIES) if counts[name]
        ]
        if statuses["unknown"]:
            badges.append({"look": "warn", "text": f"{statuses['unknown']} checks incomplete"})
        window = self._d["window"]
        since = self._d["since_last"]
        facts = [
            ("Client", self._text(self._title, 200), False),
            ("Swept", _moment(self._d["swept_at"]), False),
            ("Logs read", f"{_moment(window['from'])} to {_moment(window['to'])}", False),
            ("Log records", f"{self._d['events_read']:,}", False),
            ("Checks", str(len(self._d["checks"])), False),
            ("Sweep before", _moment(since["at"]) if since["at"] else "none", False),
            ("Run", self._d["run_id"], True),
        ]
        return {
            "kind": "Compromise sweep",
            "title": "Is somebody already inside?",
            "subject": breakable(self._text(self._title, 300), 40),
            "badges": badges or [{"look": "good", "text": "No findings"}],
            "banner": "Not everything could be looked at: what was not is listed, and is not clean."
            if self._d["could_not_check"]
            else "",
            "facts": [{"name": name, "value": breakable(value, 48), "code": code} for name, value, code in facts],
            "notice": "Confidential. This report holds personal data and the names of accounts; names in it may have been chosen by an "
            "attacker. It is a rendering of evidence in the record of the run that is named here. All times are UTC.",
        }

    def _summary(self) -> dict[str, Any]:
        statuses = Counter(check["status"] for check in self._d["checks"])
        counts = Counter(one.severity for one in self._sweep.findings)
        tiles = [
            {"value": f"{counts['critical']} / {counts['high']}", "words": "critical / high findings", "look": "bad" if counts["critical"] + counts["high"] else "good"},
            {"value": str(len(self._sweep.findings)), "words": "findings in all", "look": ""},
            {"value": str(statuses["pass"]), "words": "checks that passed", "look": ""},
            {"value": str(statuses["unknown"]), "words": "checks that could not look at everything", "look": "warn" if statuses["unknown"] else ""},
            {"value": str(statuses["not_applicable"]), "words": "checks that are not for this client", "look": ""},
            {"value": str(len(self._sweep.accepted)), "words": "findings accepted by somebody", "look": ""},
        ]  # fmt: skip
        parts: list[Part] = []
        if self._sweep.entities:
            parts.append({"title": "Whom to look at first", "table": self._entities()})
        lines = [breakable(self._text(line), 60) for line in first_sentences(self._d)]
        return {"title": "Summary", "lines": lines, "tiles": tiles, "parts": parts}

    def _entities(self) -> dict[str, Any]:
        rows = [
            [
                f"{one['score']:g}",
                [piece("strong", self._name(one["id"])), piece("small", one["type"])],
                ", ".join(f"{self._text(part['rule'], 80)} {part['points']:g}" for part in one["because"][:6]),
            ]
            for one in self._sweep.entities[:10]
        ]
        return table(("Score", "Entity", "Made of"), ("14mm", "1fr", "1.2fr"), rows)

    def _name(self, name: str) -> str:
        return breakable(self._text(name, 200), 24)

    def _parts(self) -> Iterator[Part]:
        yield self._findings()
        since = self._d["since_last"]
        if since["at"]:
            yield self._since()
        if self._sweep.accepted:
            rows = [
                [*self._cells(one), [piece("text", self._text(told["by"], 100)), piece("small", f"until {told['until'][:10]}: {self._text(told['reason'], 300)}")]]
                for one, told in self._sweep.accepted[:_MOST]
            ]  # fmt: skip
            yield {
                "level": 1,
                "title": "Accepted",
                "lead": "Somebody answers for these. They speak again when they expire, get worse, or anything about them is new.",
                "table": table(
                    ("Severity", "Finding", "Entity", "Who, until when, why"), ("18mm", "1.4fr", "1fr", "1.4fr"), rows
                ),
            }
        if self._d["could_not_check"]:
            rows = [
                [breakable(self._text(one["check"], 120), 30), breakable(self._text(one["why"], 400), 60)]
                for one in by_reason(self._d["could_not_check"])[:_MOST]
            ]
            yield {
                "level": 1,
                "title": "Could not be checked",
                "lead": "Not looked at is not clean.",
                "table": table(("Check", "Why"), ("1fr", "2.4fr"), rows),
            }
        yield self._checks()

    def _findings(self) -> Part:
        if not self._sweep.findings:
            return {"level": 1, "title": "Findings", "lines": ["None."]}
        shown = self._sweep.findings[:_MOST]
        more = len(self._sweep.findings) - len(shown)
        rows = [
            [
                *self._cells(one),
                [piece("text", breakable(self._text(str(one.evidence.get("summary", "")), 600), 40)), piece("small", f"Do: {self._text(one.remedy, 400)}")],
                [piece("text", instant(one.first_seen)[:16].replace("T", " ")), piece("small", f"to {instant(one.last_seen)[:16].replace('T', ' ')}")],
            ]
            for one in shown
        ]  # fmt: skip
        return {
            "level": 1,
            "title": "Findings",
            "lead": f"The worst first.{f' {more:,} more stand in the evidence.' if more > 0 else ''}",
            "table": table(
                ("Severity", "Finding", "Entity", "What was seen, and what to do", "When"),
                ("18mm", "1.1fr", "1fr", "2.2fr", "30mm"),
                rows,
            ),
        }

    def _cells(self, one: Finding) -> list[str | list[Piece]]:
        pill: Piece = {**piece("pill", one.severity), "look": _LOOKS[one.severity]}
        about = [
            piece("strong", self._text(one.title, 160)),
            piece("small", f"{', '.join(one.attack)} · {breakable(self._text(one.rule, 120), 30)}"),
        ]
        entity = [piece("text", self._name(one.entity["id"])), piece("small", one.entity["type"])]
        return [[pill], about, entity]

    def _since(self) -> Part:
        since = self._d["since_last"]
        by_id = {one.id: one for one in self._sweep.findings}
        rows: list[Any] = []
        for key, words in (("new", "New"), ("changed", "Changed")):
            held = [by_id[name] for name in since[key] if name in by_id]
            rows += [f"{words} ({len(held)})"] if held else []
            rows += [[*self._cells(one), ""] for one in held[:_MOST]]
        for key, words in (("gone", "Gone"), ("not_looked_at", "Not looked at this time: not gone")):
            rows += [f"{words} ({len(since[key])})"] if since[key] else []
            rows += [
                [
                    [{**piece("pill", one["severity"]), "look": _LOOKS[one["severity"]]}],
                    self._text(one["title"], 160),
                    self._name(one["entity"]["id"]),
                    self._text(one["why"], 200),
                ]
                for one in since[key][:_MOST]
            ]
        lead = f"Against the sweep of {_moment(since['at'])}, run {since['run_id']}."
        if not rows:
            return {"level": 1, "title": "Since the sweep before", "lead": lead, "lines": ["Nothing changed."]}
        return {
            "level": 1,
            "title": "Since the sweep before",
            "lead": lead,
            "table": table(("Severity", "Finding", "Entity", "Why"), ("18mm", "1.4fr", "1fr", "1.2fr"), rows),
        }

    def _checks(self) -> Part:
        ordered = sorted(self._d["checks"], key=lambda one: (STATUSES.index(one["status"]), one["check"]))
        rows = [
            [
                [{**piece("pill", STATUS_WORDS[one["status"]]), "look": _STATUS_LOOKS[one["status"]]}],
                self._text(one["title"], 160),
                breakable(self._text(one["check"], 120), 40),
                f"{one['looked_at']:,}",
            ]
            for one in ordered
        ]
        return {
            "level": 1,
            "title": "Every check, and how it ended",
            "table": table(
                ("How it ended", "What is looked for", "Check", "Looked at"), ("44mm", "1.6fr", "1.2fr", "22mm"), rows
            ),
        }


def _moment(text: str) -> str:
    return f"{text[:16].replace('T', ' ')} UTC"


def _styled(svg: str) -> str:
    return svg.replace(">", f"><style>{_STYLE}</style>", 1)


def _legend() -> str:
    parts = ['<svg viewBox="0 0 1080 24" xmlns="http://www.w3.org/2000/svg">']
    for number, name in enumerate(reversed(SEVERITIES)):
        x = 10 + number * 110
        parts.append(f'<g class="{name}"><circle cx="{x}" cy="12" r="5"/></g><text x="{x + 12}" y="16">{name}</text>')
    return _styled("".join([*parts, "</svg>"]))
