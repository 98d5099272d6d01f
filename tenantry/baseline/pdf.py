"""A compliance sweep as PDF: PDF/A-2a and PDF/UA-1 (tagged), in the layout of the timelines. A rendering: the record is the authority."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tenantry.baseline.model import FRAMEWORKS
from tenantry.baseline.page import STATUSES, WEIGHT, drawn, every, legend, told
from tenantry.baseline.remembered import age_days
from tenantry.baseline.trend import Point
from tenantry.clock import parse_rfc3339
from tenantry.timeline.glyphs import breakable
from tenantry.timeline.marks import STYLE as MARKS
from tenantry.timeline.pdf_cells import Part, Printable, piece
from tenantry.timeline.report_pdf import STYLE, PdfReport, framed, part, pill
from tenantry.timeline.typeset import typeset

__all__ = ["pdf"]

_STYLE: Final = STYLE + MARKS + ".head{font-size:15px;font-weight:600}"
_TOP: Final = 10
_SWEEPS: Final = 26


def pdf(document: Mapping[str, Any], client: str, trend: Sequence[Point] = ()) -> bytes:
    """The report; arguments as of :func:`tenantry.baseline.page.html`.

    Raises:
        RecordError: it could not be typeset.
    """
    return typeset(lambda text: _Report(document, text, client, trend).inputs(), parse_rfc3339(document["at"]))


class _Report(PdfReport):
    """The report as data for the layout."""

    def __init__(self, document: Mapping[str, Any], text: Printable, client: str, trend: Sequence[Point]) -> None:
        super().__init__(document, text)
        self._client = text(client, 200)
        self._trend = trend
        self._counts = Counter(one["status"] for one in every(document))

    def inputs(self) -> dict[str, str]:
        """What the layout takes."""
        d = self._d
        data = {
            "title": f"Compliance report: {self._client}",
            "description": f"Compliance report of run {d['run_id']}, as of {d['at'][:10]}",
            "keywords": ["compliance", d["run_id"]],
            "footer": f"Compliance report · run {d['run_id']} · confidential · all times UTC",
            "cover": self._cover(),
            "summary": self._summary(),
            "picture": {
                "title": "All requirements at a glance",
                "lead": "One square is one requirement; the larger, the more it weighs.",
                "alt": "How each requirement stands; all of it stands in the tables.",
                "legend": f"Legend: {', '.join(words for words, _ in STATUSES.values())}.",
            },
        }
        return framed(data, self._parts(), drawn(d), legend(), _STYLE)

    def _cover(self) -> dict[str, Any]:
        d = self._d
        facts = [
            ("Client", self._client, False),
            ("As of", d["at"][:10], False),
            ("Held against", ", ".join(of["title"] for of in d["baselines"]), False),
            ("Run", d["run_id"], True),
        ]
        badges = [
            {"text": f"{self._counts[status]} {words}", "look": look}
            for status, (words, look) in STATUSES.items()
            if self._counts[status] and status != "not_applicable"
        ]
        return {
            "kind": "Compliance report",
            "title": "What was promised, and what is so",
            "subject": breakable(self._client, 40),
            "badges": badges,
            "banner": "",
            "facts": self._facts(facts),
            "notice": "Confidential. Made from the record of the run that is named here, which is kept by us and signed; this is a rendering of it. "
            "What was not seen is never called met. All times are UTC.",
        }

    def _summary(self) -> dict[str, Any]:
        tiles = [
            {"value": str(self._counts[status]), "words": words, "look": look if self._counts[status] else ""}
            for status, (words, look) in STATUSES.items()
        ]
        return {
            "title": "How you stand",
            "lines": [self._long(line) for line in told(self._d)],
            "tiles": tiles,
            "parts": [],
        }

    def _parts(self) -> Iterator[Part]:
        failing = sorted(self._of("fail"), key=lambda one: WEIGHT[one["criticality"]])[:_TOP]
        if failing:
            yield {
                "level": 1,
                "title": "What to do first",
                "list": [self._long(f"{one['title']}. {one['remedy']}") for one in failing],
            }
        if len(self._trend) > 1:
            rows: list[Any] = [
                [point.at[:10], *(str(point.counts.get(status, 0)) for status in STATUSES)]
                for point in reversed(self._trend[-_SWEEPS:])
            ]
            head = ("Sweep", *(words for words, _ in STATUSES.values()))
            yield part("From sweep to sweep", head, ("1fr",) * len(head), rows)
        moved = [one for one in every(self._d) if one["change"] in ("fell", "mended")]
        if moved:
            looks = {"fell": "bad", "mended": "good"}
            rows = [
                [[piece("strong", self._cell(one["title"], 52))], [pill(one["change"], looks[one["change"]])], self._cell(one["why"], 40)]
                for one in moved
            ]  # fmt: skip
            head = ("Requirement", "What happened", "How it stands")
            yield part("What changed since the last time", head, ("1fr", "28mm", "1fr"), rows)
        held = [one for one in every(self._d) if one["exception"] is not None]
        if held:
            yield self._excepted(held)
        for of in self._d["baselines"]:
            yield from self._policies(of)

    def _of(self, status: str) -> list[Mapping[str, Any]]:
        return [one for one in every(self._d) if one["status"] == status]

    def _excepted(self, held: Sequence[Mapping[str, Any]]) -> Part:
        rows = []
        for one in held:
            exception = one["exception"]
            counts = one["status"] == "excepted"
            rows.append(
                [
                    [piece("strong", self._cell(one["title"], 40))],
                    [pill("counts", "calm") if counts else pill("does not cover it", "bad")],
                    exception["until"],
                    self._cell(f"{exception['owner']}, approved by {exception['approved_by']}", 24),
                    self._cell(f"{exception['reason']}. Instead: {exception['control']}", 40),
                ]
            )
        head = ("Requirement", "", "Until", "Who answers", "Why, and what is done instead")
        return part("What somebody answers for", head, ("1fr", "34mm", "22mm", "44mm", "1fr"), rows)

    def _policies(self, of: Mapping[str, Any]) -> Iterator[Part]:
        order = {status: number for number, status in enumerate(STATUSES)}
        now = parse_rfc3339(self._d["at"])
        rows: list[Any] = []
        for one in sorted(of["policies"], key=lambda one: (order[one["status"]], WEIGHT[one["criticality"]])):
            if one["status"] == "not_applicable":
                continue
            about = f": {'; '.join(one['about'][:5])}" if one["about"] else ""
            numbers = "; ".join(f"{FRAMEWORKS[key]}: {', '.join(found)}" for key, found in one["maps"].items())
            rows.append(
                [
                    [pill(*STATUSES[one["status"]])],
                    [
                        piece("strong", self._cell(one["title"], 40)),
                        piece("text", self._cell(one["plain"], 40)),
                        piece("small", self._cell(f"{one['source']['title']}. {numbers}", 40)),
                    ],
                    one["criticality"],
                    f"{age_days(one, now)} d",
                    self._cell(f"{one['ask'] or one['why']}{about}", 40),
                ]
            )
        if rows:
            head = ("Stands", "Requirement", "Weighs", "For", "How it stands")
            title = f"{of['title']}: each requirement"
            yield part(self._cell(title, 60), head, ("26mm", "1fr", "18mm", "14mm", "1fr"), rows)
