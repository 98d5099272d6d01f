"""The readiness report as PDF: PDF/A-2a and PDF/UA-1 (tagged), in the layout of the timelines. A rendering: the record is the authority."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.clock import parse_rfc3339
from tenantry.insurance.picture import described, drawn, drawn_legend
from tenantry.insurance.readiness import STATUSES
from tenantry.insurance.words import OF_POLICY, about, facts, signature
from tenantry.timeline.glyphs import breakable
from tenantry.timeline.marks import STYLE as MARKS
from tenantry.timeline.pdf_cells import Part, piece, table
from tenantry.timeline.report_pdf import STYLE, PdfReport, framed, pill
from tenantry.timeline.typeset import typeset

__all__ = ["pdf"]

_STYLE: Final = STYLE + MARKS


def pdf(document: Mapping[str, Any]) -> bytes:
    """The report, of a document of :func:`tenantry.insurance.readiness.readiness` with ``signed``.

    Raises:
        RecordError: it could not be typeset.
    """
    return typeset(lambda text: _Report(document, text).inputs(), parse_rfc3339(document["at"]))


class _Report(PdfReport):
    """The report as data for the layout."""

    def inputs(self) -> dict[str, str]:
        """What the layout takes."""
        d = self._d
        client = self._text(d["client"], 200)
        printed = {**d, "controls": [{**one, "control": self._text(one["control"], 52)} for one in d["controls"]]}
        data = {
            "title": f"Insurance readiness: {client}",
            "description": f"Insurance readiness report of run {d['run_id']}, as of {d['at'][:10]}",
            "keywords": ["insurance", d["run_id"]],
            "footer": f"Insurance readiness · run {d['run_id']} · confidential · all times UTC",
            "cover": self._cover(client),
            "summary": self._summary(),
            "picture": {
                "title": "Required controls at a glance",
                "lead": "A row is a control that the policy requires; a square is something of ours that measures it.",
                "alt": described(d),
                "legend": f"Legend: {', '.join(words for words, _ in STATUSES.values())}.",
            },
        }
        return framed(data, self._parts(), drawn(printed), drawn_legend(), _STYLE)

    def _cover(self, client: str) -> dict[str, Any]:
        d = self._d
        ready = ("every required control is met", "good") if d["ready"] else ("not ready", "bad")
        return {
            "kind": "Insurance readiness",
            "title": self._text(f"What {d['insurer']['name']} requires, and what is so", 200),
            "subject": breakable(client, 40),
            "badges": [{"text": ready[0], "look": ready[1]}],
            "banner": "Drill: this ran on a stand-in. Nothing of it is about the client."
            if d["mode"] == "drill"
            else "",
            "facts": self._facts(facts(d)),
            "notice": "Confidential. Made from the record of the run that is named here, which is kept by us and signed; this is a rendering of it. "
            "What was not seen is never called met. All times are UTC.",
        }

    def _summary(self) -> dict[str, Any]:
        counts = self._d["counts"]
        looks = {"not_met": "bad", "not_known": "warn", "met": "good", "not_applicable": ""}
        tiles = [
            {"value": str(counts[status]), "words": words, "look": looks[status] if counts[status] else ""}
            for status, (words, _) in STATUSES.items()
        ]
        return {
            "title": "How you stand",
            "lines": [self._long(line) for line in self._d["told"]],
            "tiles": tiles,
            "parts": [],
        }

    def _parts(self) -> Iterator[Part]:
        rows: list[Any] = []
        for one in self._d["controls"]:
            held = "; ".join(
                f"{held['title'] or held['policy']} ({OF_POLICY[held['status']][0]})" for held in one["measures"]
            )
            rows.append(
                [
                    [pill(*STATUSES[one["status"]])],
                    [
                        piece("strong", self._cell(one["control"])),
                        piece("small", self._cell(held or "nothing of ours measures it", 40)),
                    ],
                    self._cell(one["why"] + about(one), 40),
                ]
            )
        if rows:
            yield {
                "level": 1,
                "title": "Each required control",
                "lead": "",
                "table": table(("Stands", "The insurer requires", "How it stands"), ("30mm", "1fr", "1fr"), rows),
            }
        signed = [*signature(self._d), f"SHA-256 of what was signed: {self._d['signed']['digest']}"]
        yield {"level": 1, "title": "Signed", "lines": [self._long(line) for line in signed]}
