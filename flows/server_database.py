"""SQLite under Prefect's server, with transactions that wait for each other.

Prefect begins nearly all of its writing transactions as readers (``BEGIN DEFERRED``). One that has read and then wants to write
while another writes cannot wait: SQLite refuses it at once (`SQLITE_BUSY_SNAPSHOT`, https://www.sqlite.org/isolation.html), the
server answers 503 and its client sleeps for two seconds. Begun as writers (``BEGIN IMMEDIATE``) they queue for the few
milliseconds that each takes. What only reads begins no transaction at all, and is not held up.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


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
