"""Parts of the HTML page: every step, every event, and the filters over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tenantry.clock import rfc3339
from tenantry.timeline.html_cells import filters, flag, hour, pill, time_cell
from tenantry.timeline.markup import Markup, h, long_text
from tenantry.timeline.model import Lane, StepRow, Timeline, TimelineEvent
from tenantry.timeline.words import (
    CERTAINTY,
    LANES,
    OUTCOMES,
    clip,
    human_name,
    moment,
    plural,
    short_day,
    shown,
    span,
)

__all__ = ["events", "steps"]


def steps(t: Timeline) -> list[Markup]:
    """The table of steps, by phase."""
    phases = [*t.phases, *sorted({row.phase for row in t.steps} - set(t.phases))]
    bodies = []
    for phase in phases:
        own = [row for row in t.steps if row.phase == phase]
        if own:
            head = h(
                "tr",
                h("th", f"{human_name(phase) or 'Steps'} ({plural(len(own), 'step')})", colspan=6, scope="rowgroup"),
            )
            bodies.append(h("tbody", head, *(_step(row) for row in own)))
    chosen = filters(
        "steps-table",
        ("phase", "Phase", [(phase, human_name(phase)) for phase in phases if phase]),
        ("outcome", "Outcome", [(o or "none", OUTCOMES.get(o, o)) for o in sorted({row.outcome for row in t.steps})]),
    )
    drawn = h(
        "table",
        h(
            "thead",
            h(
                "tr",
                *(
                    h("th", name, scope="col")
                    for name in ("Step", "For", "Outcome", "When (UTC)", "Changes", "Approvals, notes, errors")
                ),
            ),
        ),
        *bodies,
        id="steps-table",
    )
    lead = (
        "Every step of the runbook, in its order. “Changed” means that the change was made and then seen to be there."
    )
    return [
        h("p", lead, class_="lead"),
        chosen,
        h("div", drawn, class_="scroll", tabindex=0, role="group", aria_label="Steps"),
    ]


def _step(row: StepRow) -> Markup:
    when = [h("td", "")]
    if row.finished_at is not None:
        took = f"took {span(row.took)}" if row.took is not None else ""
        again = f", {row.attempts} attempts" if row.attempts > 1 else ""
        when = [
            h(
                "td",
                h("time", hour(row.finished_at), datetime=rfc3339(row.finished_at), title=moment(row.finished_at)),
                h("small", f"{short_day(row.finished_at)}; {took}{again}"),
                class_="time",
            )
        ]
    elif row.started_at is not None:
        when = [
            h(
                "td",
                h("time", hour(row.started_at), datetime=rfc3339(row.started_at)),
                h("small", "begun"),
                class_="time",
            )
        ]
    said = [h("div", long_text(part), class_="said") for part in row.approvals]
    if row.error:
        said.append(h("div", h("span", long_text(row.error), class_="flagged"), h("small", long_text(row.remedy))))
    if row.note:
        said.append(h("div", long_text(row.note)))
    return h(
        "tr",
        h("td", h("bdi", row.title), h("small", h("code", row.task or row.step))),
        h("td", long_text(row.item)),
        h("td", pill(row.outcome, row.task)),
        *when,
        h("td", *(_change(change) for change in row.changes)),
        h("td", *said),
        data_row=True,
        data_phase=row.phase,
        data_outcome=row.outcome or "none",
    )


def _change(c: Mapping[str, Any]) -> Markup:
    return h(
        "div",
        h("code", clip(str(c["path"]), 400)),
        h("span", long_text(shown(c.get("before"), 4_000), 120), class_="was"),
        " → ",
        h("span", long_text(shown(c.get("after"), 4_000), 120), class_="is"),
        class_="change",
    )


def events(t: Timeline, events: Sequence[TimelineEvent]) -> list[Markup]:
    """The table of all events, in their order."""
    chosen = filters(
        "events-table",
        ("lane", "Who", [(lane.value, LANES[lane]) for lane in Lane if any(e.lane is lane for e in events)]),
        ("phase", "Phase", [(phase, human_name(phase)) for phase in t.phases if any(e.phase == phase for e in events)]),
        ("kind", "Kind", [(kind, human_name(kind)) for kind in sorted({e.kind for e in events})]),
        ("certainty", "How sure", [(name, name) for name in CERTAINTY if any(e.certainty == name for e in events)]),
    )
    drawn = h(
        "table",
        h(
            "thead",
            h(
                "tr",
                *(h("th", name, scope="col") for name in ("Time (UTC)", "Who", "What", "For", "How sure", "Entry")),
            ),
        ),
        h("tbody", *(_event(event) for event in events)),
        id="events-table",
    )
    lead = "Attacker, people and platform in one order. “Entry” is the number in the client's record; its hash is in the tooltip and in the other formats."
    return [
        h("p", lead, class_="lead"),
        chosen,
        h("div", drawn, class_="scroll", tabindex=0, role="group", aria_label="All events"),
    ]


def _event(event: TimelineEvent) -> Markup:
    where = [human_name(event.phase)] if event.phase else []
    if event.lane is Lane.ATTACKER:
        where.append(f"{event.source} {clip(event.source_id, 100)}".strip())
    who = h("bdi", event.actor) if event.lane is Lane.PEOPLE and event.actor else ""
    return h(
        "tr",
        time_cell(event.at),
        h("td", h("span", LANES[event.lane], class_=f"pill {event.lane.value}"), h("small", who) if who else ""),
        h(
            "td",
            long_text(event.title),
            h("div", long_text(event.detail)) if event.detail else "",
            h("small", h("bdi", " · ".join(where))) if where else "",
            flag(event),
        ),
        h("td", long_text(event.target)),
        h("td", event.certainty),
        h("td", f"{event.seq:,}", class_="number", title=f"entry {event.entry}, leaf {event.leaf}"),
        class_=f"lane-{event.lane.value}",
        data_row=True,
        data_lane=event.lane.value,
        data_phase=event.phase,
        data_kind=event.kind,
        data_certainty=event.certainty,
    )
