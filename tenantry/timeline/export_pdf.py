"""PDF: the report one hands over: title page, summary for those who decide, picture, tables, actions, proof.

Typeset by `typst` (https://typst.app/docs/), offline and with its own fonts, as PDF/A-2a (ISO 19005-2: kept and read for
decades) and PDF/UA-1 (ISO 14289: tagged, read aloud). The same record gives the same bytes. The PDF is a rendering: the
signed record is the authority, and the last part says how to check it.

Recorded texts are data to the layout (``page/report.typ``), never mark-up. What the fonts cannot show stands as its code
(:mod:`~tenantry.timeline.glyphs`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from json import JSONEncoder
from typing import Any, BinaryIO

from tenantry.timeline.glyphs import breakable
from tenantry.timeline.model import Lane, Timeline
from tenantry.timeline.pdf_cells import MAX_EVENTS, MAX_STEPS, Part, Section
from tenantry.timeline.pdf_found import Found
from tenantry.timeline.pdf_front import Front
from tenantry.timeline.pdf_proof import Proof
from tenantry.timeline.pdf_rows import Rows
from tenantry.timeline.picture import draw, drawn_legend, legend_words
from tenantry.timeline.typeset import layout, typeset
from tenantry.timeline.words import LANES, moment, plural

__all__ = ["MAX_EVENTS", "MAX_STEPS", "export"]


_STYLE_LINE = re.compile(r"^\.picture.*$", re.M)
_VARIABLE = re.compile(r"var\((--[a-z-]+)\)")
_DEFINED = re.compile(r"(--[a-z-]+):\s*(#[0-9a-f]+)")


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write the report; returns the number of events it was made from.

    Raises:
        RecordError: typst could not typeset it.
    """
    events = list(timeline.events)
    out.write(typeset(lambda text: _Report(timeline, events, text).inputs(), timeline.record.as_of))
    return len(events)


class _Report(Section):
    """The report as data for the layout."""

    def inputs(self) -> dict[str, str]:
        drawn = self._picture()
        data = self._data(pictured=bool(drawn))
        return {
            "data": JSONEncoder(ensure_ascii=False).encode(data),
            "picture": drawn,
            "legend": _styled(drawn_legend()),
        }

    def _data(self, *, pictured: bool) -> dict[str, Any]:
        t, text = self._t, self._text
        subject = text(t.subject or t.tenant_title, 300)
        kind = {"incident": "Incident report", "disaster": "Disaster report"}.get(t.kind, "Report")
        return {
            "title": f"{text(t.title, 200)}: {subject}",
            "description": f"{kind} of run {t.run_id}, as of {moment(t.record.as_of)}",
            "keywords": ["timeline", t.runbook, t.run_id],
            "footer": f"{text(t.title, 80)} · run {t.run_id} · confidential · all times UTC",
            "cover": Front(t, self._events, text).cover(kind, subject),
            "summary": Front(t, self._events, text).summary(),
            "picture": {
                "title": "Who did what, and when",
                "lead": "Time runs from left to right, in pieces: where nothing was recorded for long, the time is cut out and its length written there. Each piece has a scale of its own. A number below a mark is how many events it stands for.",
                "alt": self._described(),
                "legend": f"Legend: {', '.join(legend_words())}.",
            }
            if pictured
            else None,
            "parts": [part for part in self._parts() if part],
        }

    def _picture(self) -> str:
        """The lanes as SVG; empty when there is nothing to draw."""
        text = self._text
        events = [replace(event, title=text(event.title, 140), target=text(event.target, 80)) for event in self._events]
        return _styled(draw(replace(self._t, events=events))) if events else ""

    def _described(self) -> str:
        counts = Counter(event.lane for event in self._events)
        lanes = ", ".join(f"{LANES[lane]}: {plural(counts[lane], 'event')}" for lane in Lane)
        turning = "; ".join(f"{m.label} {moment(m.at)}" for m in self._t.moments)
        return f"Events in lanes over time. {lanes}. {turning}. Everything in the picture stands in the tables that follow."

    def _parts(self) -> Iterator[Part | None]:
        t = self._t
        found = Found(t, self._events, self._text)
        rows = Rows(t, self._events, self._text)
        proof = Proof(t, self._events, self._text)
        yield found.turning()
        yield found.attacks()
        yield from found.findings()
        yield found.decisions()
        yield from found.actions()
        yield rows.steps()
        yield rows.timeline()
        if len(t.unknown) > 12:
            listed = [breakable(self._text(line), 80) for line in t.unknown]
            yield {"level": 1, "title": "What is not known", "list": listed}
        yield proof.evidence()
        yield from proof.proof()


def _styled(svg: str) -> str:
    """The picture with its colours inside: the light ones of the page's style sheet."""
    return svg.replace(">", f"><style>{_style()}</style>", 1)


@cache
def _style() -> str:
    sheet = layout("style.css")
    colours = dict(_DEFINED.findall(sheet.split("@media", 1)[0]))
    rules = "\n".join(_STYLE_LINE.findall(sheet.split("@media (max-width", 1)[0]))
    rules = _VARIABLE.sub(lambda found: colours[found[1]], rules)
    return f'text {{ font-family: "Libertinus Serif", "DejaVu Sans Mono"; font-size: 11px; }}\n{rules}'
