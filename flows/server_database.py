"""SQLite under Prefect's server, with transactions that wait for each other.

Prefect begins nearly all of its writing transactions as readers (``BEGIN DEFERRED``). One that has read and then wants to write
while another writes cannot wait: SQLite refuses it at once (`SQLITE_BUSY_SNAPSHOT`, https://www.sqlite.org/isolation.html), the
server answers 503 and its client sleeps for two seconds. Begun as writers (``BEGIN IMMEDIATE``) they queue for the few
milliseconds that each takes. What only reads begins no transaction at all, and is not held up.

Events are written as rows of one statement that SQLAlchemy composes once. Prefect puts all rows into the statement itself, which is
composed anew each time: an eighth of what the server did in a burst.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import sqlalchemy as sa
from prefect.server.database import provide_database_interface
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.events.services import event_persister
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

_AT_ONCE: Final = 500
"""Ids in one question; SQLite takes 32,766 (https://www.sqlite.org/limits.html#max_variable_number)."""


class QueueingSqlite(AioSqliteConfiguration):
    """Prefect's own configuration; every explicit transaction takes the write lock when it begins."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """``with_for_update``: Prefect's own word for this, said for a few transactions only."""
        del with_for_update
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def use() -> None:
    """Make this process's Prefect server use it, when its database is SQLite. Before the application is made."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if url is not None and url.startswith("sqlite"):
        set_database_config(QueueingSqlite(connection_url=url))
        persister: Any = event_persister
        persister.write_events = write_events


async def write_events(session: AsyncSession, events: Sequence[ReceivedEvent]) -> None:
    """As Prefect's: those that are there already are left, and so are their resources."""
    db = provide_database_interface()
    found = {event.id: event for event in events}
    ids = list(found)
    for first in range(0, len(ids), _AT_ONCE):
        known = await session.scalars(sa.select(db.Event.id).where(db.Event.id.in_(ids[first : first + _AT_ONCE])))
        for there in known.all():
            del found[there]
    if not found:
        return
    await session.execute(sa.insert(db.Event), [event.as_database_row() for event in found.values()])
    resources = [row for event in found.values() for row in event.as_database_resource_rows()]
    if resources:
        await session.execute(sa.insert(db.EventResource), resources)
