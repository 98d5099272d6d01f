"""Parts of the HTML page: collected evidence, and what all of it rests on."""

from __future__ import annotations

from tenantry.timeline.html_cells import table, time_cell
from tenantry.timeline.markup import Markup, h, join, long_text
from tenantry.timeline.model import Timeline
from tenantry.timeline.words import (
    CERTAINTY,
    moment,
    plural,
    span,
)

__all__ = ["evidence", "record"]


def evidence(t: Timeline) -> Markup:
    """The collected files, with their digests."""
    return table(
        ("File", "Rows", "Bytes", "SHA-256", "Collected by", "Time (UTC)"),
        (
            h(
                "tr",
                h("td", h("bdi", row.name)),
                h("td", "" if row.rows is None else f"{row.rows:,}", class_="number"),
                h("td", f"{row.size:,}", class_="number"),
                h("td", h("code", row.sha256)),
                h("td", h("bdi", t.step_titles.get(row.step, row.step))),
                time_cell(row.at),
            )
            for row in t.evidence
        ),
        caption="Collected before anything was changed, or as the step says; kept encrypted, named by its digest.",
    )


def record(t: Timeline) -> list[Markup]:
    """Where in the record this is, turning points and durations, and what the words of certainty mean."""
    r = t.record
    facts = [
        ("Entries", h("dd", f"{r.entries:,}, from number {r.first_seq:,} to {r.last_seq:,}")),
        ("Record of the client", h("dd", h("code", r.tree))),
        ("As of", h("dd", moment(r.as_of))),
        ("Hash of the last entry", h("dd", h("code", r.last_leaf))),
        ("Runbook's text, SHA-256", h("dd", h("code", r.runbook_digest))),
        ("Erased on purpose", h("dd", plural(r.erased, "entry", "entries"))),
    ]
    return [
        h(
            "p",
            "This page was made from the run's record alone. The same record gives the same page, byte for byte. All times are UTC; tenants' logs bear the times of their vendors' clocks.",
            class_="lead",
        ),
        h("dl", *(h("div", h("dt", name), value) for name, value in facts), class_="facts"),
        *([_durations(t)] if t.durations else []),
        h("h3", "How sure something is"),
        h("dl", *(h("div", h("dt", name), h("dd", meaning)) for name, meaning in CERTAINTY.items()), class_="facts"),
    ]


def _durations(t: Timeline) -> Markup:
    turning = [(m.label, moment(m.at), m.basis) for m in t.moments]
    lasted = [(d.label, span(d.value) if d.value is not None else "not known", d.basis) for d in t.durations]
    rows = [
        h("tr", h("td", name), h("td", value, class_="time"), h("td", long_text(basis)))
        for name, value, basis in [*turning, *lasted]
    ]
    return join(
        h("h3", "Turning points and durations, and what they follow from"), table(("", "", "Follows from"), rows)
    )
