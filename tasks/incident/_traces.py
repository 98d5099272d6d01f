"""Who made a thing: the log entries that tell, from the directory's own log and the unified audit log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.identity.collect_directory_events import Event
from tasks.logs.collect_audit import Record
from tenantry.task import utc

NEAR_IN_TIME = timedelta(minutes=10)
"""A registration event and the object's own time stamp are written by different services."""

METHOD = re.compile(r"security info|strong ?authentication|authentication (method|phone)|phone app", re.I)
CONSENT = re.compile(r"consent|delegated permission grant|oauth2permissiongrant|app role assignment", re.I)
DEVICE = re.compile(r"\bdevice\b", re.I)
_TAKES_AWAY = re.compile(r"\b(delete|deleted|remove|removed|disable|disabled|unregister)", re.I)


@dataclass(frozen=True, slots=True)
class Trace:
    """One log entry about one thing."""

    id: str
    at: datetime
    ip: str
    actor: str
    what: str
    creates: bool = True
    """False: it changed a thing that may have been there before."""
    log: str = "directory log"
    """Which log has the entry."""


def directory_trace(event: Event) -> Trace:
    return Trace(event.id, utc(event.at), event.actor_ip, event.actor_upn, event.activity)


def audit_trace(record: Record, *, creates: bool = True) -> Trace:
    return Trace(record.id, utc(record.at), record.ip, record.actor, record.operation, creates, "audit log")


def gives(event: Event, about: re.Pattern[str]) -> bool:
    """Whether the event adds something of this kind, rather than takes it away."""
    return bool(about.search(event.activity)) and not _TAKES_AWAY.search(event.activity)


def staying_acts(events: Iterable[Event]) -> dict[str, str]:
    """Address → the first change made from it by which attackers stay (ATT&CK T1098): a method, a consent, a device."""
    acts: dict[str, str] = {}
    for event in sorted(events, key=lambda e: (e.at, e.id)):
        if event.actor_ip and any(gives(event, kind) for kind in (METHOD, CONSENT, DEVICE)):
            acts.setdefault(event.actor_ip, f"{event.activity} from this address (event {event.id})")
    return acts


def by_target(events: Iterable[Event], kind: re.Pattern[str], ids: Iterable[str]) -> list[Trace]:
    """Events of a kind that name one of the ids."""
    wanted = {id.lower() for id in ids if id}
    return [
        directory_trace(event)
        for event in events
        if gives(event, kind) and wanted & {target.lower() for target in event.target_ids}
    ]


def by_time(events: Iterable[Event], kind: re.Pattern[str], owner: Sequence[str], at: datetime | None) -> list[Trace]:
    """Events of a kind about the owner, close to the moment at which the thing says that it was made."""
    if at is None:
        return []
    names = {name.lower() for name in owner}
    return [
        directory_trace(event)
        for event in events
        if gives(event, kind)
        and abs(utc(event.at) - utc(at)) <= NEAR_IN_TIME
        and ({target.lower() for target in event.target_ids} | {event.actor_upn.lower()}) & names
    ]


def about_mailbox(record: Record, owner: Sequence[str]) -> bool:
    """Whether an Exchange record is about the owner's mailbox: named as its object or identity, or done by the owner to a
    mailbox that is not named."""
    names = [name.lower() for name in owner if name]
    named = " ".join(
        [
            record.object_id,
            *(value for key, value in record.parameters.items() if key.lower() in {"identity", "mailbox"}),
        ]
    ).lower()
    aliases = {name.split("@", 1)[0] for name in names}
    if any(name in named for name in names) or any(
        re.search(rf"(^|[\\/]){re.escape(a)}($|[\\/])", named) for a in aliases
    ):
        return True
    return record.actor.lower() in names


def parameter(record: Record, *names: str) -> str:
    """The first of these arguments that the record has; empty when none."""
    wanted = {name.lower() for name in names}
    return next((value for key, value in record.parameters.items() if key.lower() in wanted), "")


def operation(record: Record) -> str:
    return record.operation.lower().rstrip(".")
