"""The report as PDF: PDF/A-2a and PDF/UA-1 (tagged), in the layout of the timelines. A rendering: the record is the authority."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.clock import parse_rfc3339
from tenantry.disaster.report.document import (
    STATES,
    TRAINED,
    began,
    ended,
    length,
    run_from,
    scored_line,
    step_words,
    taken,
)
from tenantry.disaster.report.picture import COLOURS, described, drawn, drawn_legend
from tenantry.onboarding.words import day
from tenantry.timeline.glyphs import breakable
from tenantry.timeline.pdf_cells import Part, piece
from tenantry.timeline.report_pdf import STYLE, PdfReport, framed, part, pill
from tenantry.timeline.typeset import typeset

__all__ = ["pdf"]

_MOST: Final = 300
_STYLE: Final = (
    STYLE
    + ".grid{stroke:#c3cad6;stroke-width:.6;fill:none}"
    + "".join(
        f".l-{look}{{fill:{colour}}}.m-{look}{{fill:{colour};stroke:{colour}}}.t-{look}{{fill:{colour}}}"
        for look, colour in COLOURS.items()
    )
    + ".stroke{fill:none;stroke-width:3;stroke-linecap:round}.thin{stroke-width:1.4}"
)


def pdf(document: Mapping[str, Any]) -> bytes:
    """The report.

    Raises:
        RecordError: it could not be typeset.
    """
    return typeset(lambda text: _Report(document, text).inputs(), parse_rfc3339(document["at"]))


class _Report(PdfReport):
    """The report as data for the layout."""

    def inputs(self) -> dict[str, str]:
        """What the layout takes."""
        d = self._d
        printed = {**d, "systems": [{**one, "title": self._text(one["title"], 60)} for one in d["systems"]]}
        client = self._text(d["client"], 200)
        data = {
            "title": f"Disaster recovery report: {client}",
            "description": f"Disaster recovery report of run {d['run_id']}, as of {day(d['at'])}",
            "keywords": ["disaster recovery", d["run_id"]],
            "footer": f"Disaster recovery report · run {d['run_id']} · confidential · all times UTC",
            "cover": self._cover(client),
            "summary": self._summary(),
            "picture": {
                "title": "Systems over time",
                "lead": f"Time runs from the {run_from(d)}. A system is back when its health checks held, not when the last command returned.",
                "alt": described(d),
                "legend": "Legend: waiting, being recovered, health checks held, RTO, not shown to be back.",
            },
        }
        return framed(data, self._parts(), drawn(printed), drawn_legend(), _STYLE)

    def _cover(self, client: str) -> dict[str, Any]:
        d = self._d
        facts = [
            ("Client", client, False),
            ("Plan", d["plan"], False),
            (began(d), day(d["outage_began"]), False),
            ("Declared", f"{day(d['declared_at'])} by {d['declared_by'] or 'nobody'}", False),
            (ended(d), d["back_by"] or "nobody yet", False),
            ("Run", d["run_id"], True),
        ]
        return {
            "kind": "Disaster recovery report",
            "title": self._text(d["title"], 200),
            "subject": breakable(client, 40),
            "badges": d["badges"],
            "banner": d["note"],
            "facts": self._facts(facts),
            "notice": "Confidential. Made from the record of the run that is named here, which is kept by us and signed; this is a rendering of it. "
            "All times are UTC.",
        }  # fmt: skip

    def _summary(self) -> dict[str, Any]:
        counts = self._d["counts"]
        whole = counts["back"] == counts["systems"]
        tiles = [
            {"value": f"{counts['back']} / {counts['systems']}", "words": "systems back and checked", "look": "good" if whole else "bad"},
            {"value": str(counts["missed"]), "words": "later than agreed (RTO)", "look": "bad" if counts["missed"] else ""},
            {"value": str(counts["lost"]), "words": "lost more than agreed (RPO)", "look": "bad" if counts["lost"] else ""},
            {"value": str(counts["unmeasured"]), "words": "of which the loss is not known", "look": "warn" if counts["unmeasured"] else ""},
            {"value": str(len(self._d["exceptions"])), "words": "failures and decisions", "look": "warn" if self._d["exceptions"] else ""},
            {"value": str(len(self._d["findings"])), "words": "findings about the plan", "look": "warn" if self._d["findings"] else ""},
        ]  # fmt: skip
        return {
            "title": "What it came to",
            "lines": [self._long(line) for line in self._d["told"]],
            "tiles": tiles,
            "parts": [],
        }

    def _parts(self) -> Iterator[Part]:
        d = self._d
        if d["score"]:
            lines = [self._long(scored_line(d["score"]))]
            yield {"level": 1, "title": "What the rehearsal was worth", "lines": lines}
        if d["score"] and d["score"]["gaps"]:
            gaps = [self._long(line) for line in d["score"]["gaps"]]
            yield {"level": 1, "title": "Gaps: what this does not show", "list": gaps}
        yield self._systems()
        if d["exceptions"]:
            rows: list[Any] = [
                [[piece("strong", self._cell(one["system"]))], self._cell(one["text"], 60)]
                for one in d["exceptions"][:_MOST]
            ]
            yield part("What failed, was done by hand or was left out", ("System", "What"), ("50mm", "1fr"), rows)
        if d["lessons"]:
            yield {
                "level": 1,
                "title": "Lessons",
                "lines": [self._long(line) for line in d["lessons"].splitlines() if line.strip()],
            }
        if d["findings"]:
            yield {
                "level": 1,
                "title": "What was wrong with the plan",
                "list": [self._long(line) for line in d["findings"]],
            }
        if d["decisions"]:
            rows = [
                [
                    day(one["at"]),
                    self._cell(one["by"], 16),
                    [
                        piece("strong", self._cell(one["what"], 30)),
                        *([piece("small", self._cell(one["asked"], 36))] if one["asked"] else []),
                    ],
                    one["decision"],
                    self._cell(one["reason"].replace("\n", " "), 36),
                ]
                for one in d["decisions"][:_MOST]
            ]
            yield part(
                "Who decided what",
                ("When", "Who", "What", "Answer", "Why"),
                ("36mm", "24mm", "1fr", "22mm", "1fr"),
                rows,
            )
        if d["refused"]:
            rows = [
                [day(one["at"]), self._cell(one["who"]), self._cell(one["step"]), self._cell(one["why"])]
                for one in d["refused"][:_MOST]
            ]
            yield part("Answers that were refused", ("When", "Who", "At", "Why"), ("36mm", "40mm", "1fr", "1fr"), rows)
        if d["score"]:
            yield self._took_part()
        yield self._steps()

    def _took_part(self) -> Part:
        rows: list[Any] = [
            [
                [piece("strong", self._cell(one["person"], 20))],
                day(one["first_at"]),
                day(one["last_at"]),
                self._cell(", ".join(one["did"]), 60),
            ]
            for one in self._d["participants"][:_MOST]
        ]
        head = ("Who", "From", "Until", "What they answered for")
        made = part("Who took part", head, ("36mm", "36mm", "36mm", "1fr"), rows)
        return {**made, "lead": TRAINED}

    def _systems(self) -> Part:
        rows: list[Any] = []
        for one in self._d["systems"]:
            rpo = "–"
            lost: Any = "–"
            if one["rpo_seconds"] is not None:
                rpo = length(one["rpo_seconds"])
                lost = (
                    "not measured"
                    if one["lost_seconds"] is None
                    else _judged(length(one["lost_seconds"]), one["rpo_kept"])
                )
            rows.append(
                [
                    [
                        piece("strong", self._cell(one["title"])),
                        piece("small", f"tier {one['tier']}, {self._cell(one['owner'])}"),
                    ],
                    [pill(*STATES[one["state"]])],
                    length(one["rto_seconds"]),
                    _judged(taken(one["achieved_seconds"]), one["rto_kept"]),
                    rpo,
                    lost,
                ]
            )
        head = ("System", "How it stands", "RTO", "Achieved", "RPO", "Lost")
        return part("Each system, against what was agreed", head, ("1fr", "44mm", "20mm", "26mm", "20mm", "30mm"), rows)

    def _steps(self) -> Part:
        looks = {"failed": "bad", "unknown": "warn", "changed": "good", "observed": "good", "already": "good"}
        rows = [
            [
                self._cell(one["title"], 40),
                [pill(step_words(one), looks.get(one["outcome"], "calm"))],
                day(one["finished_at"]) if one["finished_at"] else "",
                self._cell(one["error"], 50),
            ]
            for one in self._d["steps"][:_MOST]
        ]
        return part(
            "Step by step", ("Step", "How it ended", "When", "What went wrong"), ("1fr", "46mm", "38mm", "1fr"), rows
        )


def _judged(text: str, kept: bool | None) -> Any:
    return text if kept is None else [pill(text, "good" if kept else "bad")]
