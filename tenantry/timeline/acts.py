"""Attackers' events out of the outputs of analysis steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from pydantic import ValidationError

from tenantry.timeline.attacker import OUTPUT_FIELD, AttackerEvent
from tenantry.timeline.known import Book, Recorded
from tenantry.timeline.model import Lane, TimelineEvent

__all__ = ["Acts", "attacker_events"]


def attacker_events(records: Iterable[Recorded], book: Book) -> tuple[list[TimelineEvent], list[str]]:
    """The attacker's events out of every output that holds some, each once; and what could not be read."""
    acts = Acts(book)
    for record in records:
        if record.event == "step.outcome":
            acts.take(record)
    return acts.events, acts.unreadable


class Acts:
    """Collects what analysis steps report of the attacker."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._found: dict[tuple[Any, ...], TimelineEvent] = {}
        self.unreadable: list[str] = []

    @property
    def events(self) -> list[TimelineEvent]:
        return list(self._found.values())

    def take(self, record: Recorded) -> None:
        """Look into the output of a ``step.outcome``."""
        output = record.data.get("output")
        listed = output.get(OUTPUT_FIELD) if isinstance(output, Mapping) else None
        for raw in listed if isinstance(listed, list) else ():
            try:
                event = AttackerEvent.model_validate(raw)
            except ValidationError as error:
                title = self._book.title(record.step or "")
                self.unreadable.append(f"an event reported by {title}: {error.error_count()} fields")
                continue
            key = (event.at, event.source, event.source_id or event.title, event.kind, event.target)
            self._found[key] = _attacker(event, record, self._book)  # a later analysis corrects an earlier one


def _attacker(event: AttackerEvent, record: Recorded, book: Book) -> TimelineEvent:
    step = record.step or ""
    return TimelineEvent(
        at=event.at.astimezone(UTC),
        recorded_at=record.at,
        lane=Lane.ATTACKER,
        kind=event.kind,
        title=event.title,
        detail=event.detail,
        actor="attacker" if event.certainty != "uncertain" else "attacker?",
        target=event.target,
        step=step,
        phase=book.phases.get(step, ""),
        source=event.source,
        source_id=event.source_id,
        certainty=event.certainty,
        techniques=event.techniques,
        seq=record.entry.seq,
        entry=record.entry.id,
        leaf=record.entry.leaf.hex(),
    )
