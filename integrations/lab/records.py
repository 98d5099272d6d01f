"""Objects whose readers may lag behind their writers.

Microsoft's directory is replicated: a write is accepted in one place and seen in another a while later. So each property
has, besides its value, the old value that readers still see until a moment; a created object appears late, and a
deleted one is still listed. Writers always act on the truth: deleting the same thing twice is 404 the second time,
even while the list still shows it.

Times here are seconds since the epoch on the lab's clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Record:
    """One object: its id, its properties, and what readers still see instead."""

    __slots__ = ("_stale", "id", "props", "shown_from", "shown_until")

    def __init__(self, id: str, props: dict[str, Any]) -> None:
        self.id = id
        self.props = props
        self.shown_from = 0.0
        self.shown_until = 0.0
        self._stale: dict[str, tuple[Any, float]] = {}

    def view(self, now: float) -> dict[str, Any]:
        """The properties as a reader sees them now. Not to be changed by the caller."""
        if not self._stale:
            return self.props
        seen = dict(self.props)
        for name, (old, until) in list(self._stale.items()):
            if now < until:
                seen[name] = old
            else:
                del self._stale[name]
        return seen

    def write(self, changes: Mapping[str, Any], now: float, lag: float = 0.0) -> dict[str, Any]:
        """Set properties; readers see them ``lag`` seconds later. Returns the values that were there."""
        before = {name: self.props.get(name) for name in changes}
        if lag > 0:
            seen = self.view(now)
            for name in changes:
                self._stale[name] = (seen.get(name), now + lag)
        else:
            for name in changes:
                self._stale.pop(name, None)
        self.props.update(changes)
        return before


class Table:
    """Objects by id, in the order in which they were added."""

    __slots__ = ("_ghosts", "_late", "_rows")

    def __init__(self) -> None:
        self._rows: dict[str, Record] = {}
        self._ghosts: dict[str, Record] = {}
        self._late = False

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._rows.values())

    def add(self, record: Record, now: float = 0.0, lag: float = 0.0) -> Record:
        """Add an object; readers see it ``lag`` seconds later."""
        if lag > 0:
            record.shown_from = now + lag
            self._late = True
        self._rows[record.id] = record
        return record

    def get(self, id: str) -> Record | None:
        """The object as a writer finds it."""
        return self._rows.get(id)

    def find(self, id: str, now: float) -> Record | None:
        """The object as a reader finds it."""
        record = self._rows.get(id)
        if record is not None:
            return record if record.shown_from <= now else None
        ghost = self._ghosts.get(id)
        return ghost if ghost is not None and now < ghost.shown_until else None

    def remove(self, id: str, now: float, lag: float = 0.0) -> Record | None:
        """Delete; readers still see it for ``lag`` seconds. None when it is not there."""
        record = self._rows.pop(id, None)
        if record is not None and lag > 0:
            record.shown_until = now + lag
            self._ghosts[id] = record
        return record

    def listed(self, now: float) -> list[Record]:
        """What a reader sees, deleted objects that still linger last."""
        rows = list(self._rows.values())
        if self._late:
            waiting = [row for row in rows if row.shown_from > now]
            self._late = bool(waiting)
            rows = [row for row in rows if row.shown_from <= now]
        if self._ghosts:
            self._ghosts = {id: row for id, row in self._ghosts.items() if now < row.shown_until}
            rows.extend(row for id, row in self._ghosts.items() if id not in self._rows)
        return rows
