"""Meetings: listed, cancelled by who organizes them, declined by who was asked.

Sources: Graph v1.0 reference, "List events", "event: cancel", "event: decline". An event that was cancelled or declined leaves the calendar of who did it.
"""

from __future__ import annotations

from types import NoneType

from integrations.lab.graph.call import Call, not_found, pick, refusal
from integrations.lab.graph.names import EVENT
from integrations.lab.graph.routing import Routes
from integrations.lab.mailbox import Mailbox
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("outlook")

_READ = "Calendars.ReadBasic.All Calendars.Read Calendars.ReadWrite"
_WRITE = "Calendars.ReadWrite"


@routes.add("GET", "users/{user}/events", _READ, options="select top skip skiptoken count")
def list_events(call: Call) -> Answer:
    """Single meetings and the masters of series."""
    names = call.select(EVENT)
    rows = _box(call).meetings.listed(call.now)
    return call.page(
        "events",
        rows,
        lambda row: pick(row.view(call.now), [*names, "id"]) if names else row.view(call.now),
        default=10,
        maximum=1000,
    )


@routes.add("POST", "users/{user}/events/{event}/cancel", _WRITE)
def cancel(call: Call) -> Answer:
    """For its organizer alone; a series with all its meetings."""
    box, found = _event(call)
    if not found.props["isOrganizer"]:
        raise refusal(
            400,
            "ErrorCalendarIsNotOrganizer",
            "Your request can't be completed. You need to be an organizer to cancel a meeting.",
        )
    call.json({"comment": (str, NoneType), "Comment": (str, NoneType)})
    return _leave(call, box, found, "cancel")


@routes.add("POST", "users/{user}/events/{event}/decline", _WRITE)
def decline(call: Call) -> Answer:
    """For somebody who was asked."""
    box, found = _event(call)
    if found.props["isOrganizer"]:
        raise refusal(
            400,
            "ErrorInvalidRequest",
            "Your request can't be completed. You can't respond to this meeting because you're the meeting organizer.",
        )
    kinds = {"comment": (str, NoneType), "Comment": (str, NoneType), "sendResponse": (bool, NoneType)}
    call.json({**kinds, "SendResponse": (bool, NoneType)})
    return _leave(call, box, found, "decline")


def _box(call: Call) -> Mailbox:
    return call.tenant.calendar(call.user_index("ErrorInvalidUser"))


def _event(call: Call) -> tuple[Mailbox, Record]:
    box = _box(call)
    found = box.meetings.get(call.params["event"])
    if found is None:
        raise not_found(call.params["event"], "ErrorItemNotFound")
    return box, found


def _leave(call: Call, box: Mailbox, found: Record, action: str) -> Answer:
    box.meetings.remove(found.id, call.now, call.lab.faults.lag)
    target = f"users/{call.tenant.directory.upn_of(box.owner)}/events/{found.id}"
    call.wrote(target, {"subject": found.props["subject"]}, None, action)
    return Answer(202)
