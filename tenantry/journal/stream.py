"""A run's entries one after another, however many there are: nothing but the one at hand is in memory, and a payload is
opened only when somebody looks into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from pydantic_core import from_json

from tenantry.errors import JournalCorrupt
from tenantry.journal import schema
from tenantry.journal.entry import ERASED, Entry, Opener, load
from tenantry.journal.sql import mapped
from tenantry.journal.store import Journal
from tenantry.names import MSP

__all__ = ["Sealed", "Skip", "elsewhere", "stream"]

_ROWS: Final = 500
"""Rows that a server sends at a time (PostgreSQL); SQLite gives them one by one."""


class Sealed:
    """An entry and its payload, still closed. What :class:`~tenantry.journal.Record` tells, opened when it is asked for.

    Its entry was held against its leaf; its payload is held against its digest when it is opened.

    Raises:
        JournalCorrupt: from whatever looks into the payload.
    """

    __slots__ = ("_at", "_opener", "_payload", "_sealed", "entry", "event")

    def __init__(self, entry: Entry, sealed: bytes, opener: Opener) -> None:
        self.entry = entry
        self.event: str = entry.fields["event"]
        self._sealed: bytes | None = sealed
        self._opener = opener
        self._payload: Mapping[str, Any] | None = None
        self._at: datetime | None = None

    @property
    def payload(self) -> Mapping[str, Any] | None:
        """None when it was erased."""
        if self._sealed is not None:
            sealed, self._sealed = self._sealed, None
            self._payload = None if sealed == ERASED else self._opened(sealed)
        return self._payload

    def _opened(self, sealed: bytes) -> Mapping[str, Any]:
        payload: Mapping[str, Any] = from_json(
            self._opener.open(sealed, self.entry.id, self.entry.fields["payload_digest"])
        )
        return payload

    @property
    def erased(self) -> bool:
        """Whether its payload was erased; does not open it."""
        return self._sealed == ERASED or (self._sealed is None and self._payload is None)

    @property
    def at(self) -> datetime:
        if self._at is None:
            self._at = self.entry.at
        return self._at

    @property
    def step(self) -> str | None:
        step: str | None = self.entry.fields["step"]
        return step

    @property
    def outcome(self) -> str | None:
        outcome: str | None = self.entry.fields["outcome"]
        return outcome

    @property
    def data(self) -> Mapping[str, Any]:
        return self.payload or {}


Skip = Callable[[bytes, bytes], bool]
"""Takes note of an entry's bytes and its sealed payload, and says whether that was all that is wanted of it."""


def stream(journal: Journal, run_id: str, *, until: int | None = None, skip: Skip | None = None) -> Iterator[Sealed]:
    """The run's entries in order, and between its first and its last those of its tenant's tree that belong to no run.

    Args:
        run_id: in full.
        until: sequence number of the last entry to give; a run that is still written to grows meanwhile.
        skip: asked first; what it takes is not read any further, and not given.

    Raises:
        NotFound: there is no such run. JournalCorrupt, JournalUnavailable: while reading.
    """
    index = journal.run(run_id)
    entries, trees = schema.entries, schema.trees
    edges = sa.select(sa.func.min(entries.c.seq), sa.func.max(entries.c.seq)).where(entries.c.run_id == index.run_id)
    with mapped("read the journal"), journal._engine.connect() as db:
        first, last = db.execute(edges).one()
    if first is None:
        return
    last = last if until is None else min(last, until)
    where = (
        (trees.c.tenant == index.tenant)
        & entries.c.seq.between(first, last)
        & ((entries.c.run_id == index.run_id) | entries.c.run_id.is_(None))
    )
    yield from _rows(journal, index.tenant, where, skip)


def elsewhere(journal: Journal, events: frozenset[str], start: datetime, end: datetime) -> Iterator[Sealed]:
    """Entries of the service provider's own tree with one of these events, recorded between two times."""
    for record in _rows(journal, MSP, schema.trees.c.tenant == MSP):
        if record.event in events and start <= record.at <= end:
            yield record


def _rows(journal: Journal, tenant: str, where: sa.ColumnElement[bool], skip: Skip | None = None) -> Iterator[Sealed]:
    opener = Opener(journal._tenant_key(tenant))
    entries, trees = schema.entries, schema.trees
    query = (
        sa.select(entries.c.body, entries.c.leaf, entries.c.sealed)
        .join(trees, trees.c.tree == entries.c.tree)
        .where(where)
        .order_by(entries.c.seq)
    )
    with mapped("read the journal"), journal._engine.connect() as db:
        reading = db.execution_options(stream_results=True, max_row_buffer=_ROWS)
        for body, leaf, sealed in reading.execute(query):
            if skip is not None and skip(body, sealed):
                continue
            entry = load(body)
            if entry.leaf != leaf:
                raise JournalCorrupt(f"entry {entry.id} is not the one recorded", entry=entry.id)
            if sealed is None:
                raise JournalCorrupt(f"the payload of entry {entry.id} is missing", entry=entry.id)
            yield Sealed(entry, sealed, opener)
