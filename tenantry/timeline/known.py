"""What is known while a run's entries are read: the runbook's titles, names of items, and questions that answers belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from tenantry.timeline.words import human_name

if TYPE_CHECKING:
    from tenantry.journal.entry import Entry
    from tenantry.runbook import Runbook

__all__ = ["Book", "Known", "Labels", "Recorded"]


_LOOP_NAMES: Final = ("label", "name", "display_name", "upn", "title", "id")


@dataclass(frozen=True, slots=True)
class Book:
    """Titles, phases and tasks of steps, as far as the runbook is known."""

    titles: Mapping[str, str] = field(default_factory=dict)
    phases: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, runbook: Runbook | None) -> Book:
        if runbook is None:
            return cls()
        return cls(
            titles={step.id: step.title or human_name(step.uses.rsplit(".", 1)[-1]) for step in runbook.steps},
            phases={step.id: step.phase for step in runbook.steps},
            tasks={step.id: step.uses for step in runbook.steps},
        )

    def title(self, step: str) -> str:
        return self.titles.get(step) or human_name(step)


class Recorded(Protocol):
    """An entry with its payload, opened already or when it is asked for (``journal.Record``, ``journal.stream.Sealed``)."""

    @property
    def entry(self) -> Entry: ...
    @property
    def payload(self) -> Mapping[str, Any] | None: ...
    @property
    def event(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def step(self) -> str | None: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


class Labels:
    """What people call an item: its label and whose it is, where the expanded list has them; else its key."""

    def __init__(self, expansions: Mapping[str, Iterable[Mapping[str, Any]]] | None = None) -> None:
        self._labels: dict[str, dict[str, str]] = {}
        for step, rows in (expansions or {}).items():
            self.add(step, rows)

    def add(self, step: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the rows of an expanded list, ``[{key, value}]``."""
        labels = {}
        for row in rows:
            key = str(row.get("key"))
            label = _label(row.get("value"), key)
            if label != key:
                labels[key] = label
        self._labels[step] = labels

    def of(self, step: str, item: str | None) -> str:
        return "" if item is None else self._labels.get(step, {}).get(item, item)


@dataclass(slots=True)
class Known:
    """What earlier entries tell about later ones: names of items, and the questions that answers belong to."""

    subject: str = ""
    labels: Labels = field(default_factory=Labels)
    questions: dict[tuple[str, str | None, str], Mapping[str, Any]] = field(default_factory=dict)

    def learn(self, record: Recorded) -> None:
        """Take one more entry into account; in the order of the record."""
        if record.event == "run.created":
            self.subject = str(record.data.get("subject") or "")
        elif record.event == "step.expanded":
            self.labels.add(record.step or "", record.data.get("items") or ())
        elif record.event == "approval.requested":
            key = (record.step or "", record.data.get("item"), str(record.data.get("digest")))
            self.questions[key] = record.data


def _label(value: Any, key: str) -> str:
    if not isinstance(value, Mapping):
        return key
    label = next((str(value[name]) for name in _LOOP_NAMES if value.get(name)), key)
    owner = str(value.get("upn") or "")
    return f"{label} ({owner})" if owner and owner != label else label
