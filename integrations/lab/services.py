"""``host_service`` in a drill: services start, restores end well, and every query gives a large number. Nothing is behind it; the report of a drill says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tenantry.capabilities.host_service import CommandOutput, DatabaseRestore, NewestOf

__all__ = ["LabServices"]

_MANY = 1_000_000


class LabServices:
    """Implements :class:`tenantry.capabilities.HostService`, for one drill."""

    def __init__(self) -> None:
        self._active: set[tuple[str, str]] = set()
        self._databases: set[tuple[str, str]] = set()
        self._restored: set[str] = set()

    async def command(self, host: str, argv: Sequence[str], *, root: bool, within: float) -> CommandOutput:
        del host, argv, root, within
        return CommandOutput(status=0, output="")

    async def query(self, host: str, database: str, sql: str, *, within: float) -> str:
        del host, database, sql, within
        return str(_MANY)

    async def newest_file(self, host: str, path: str) -> NewestOf:
        del host, path
        return NewestOf(count=_MANY, newest=datetime.now(UTC))

    async def service_active(self, host: str, unit: str) -> bool:
        return (host, unit) in self._active

    async def start_service(self, host: str, unit: str) -> None:
        self._active.add((host, unit))

    async def stop_service(self, host: str, unit: str) -> None:
        self._active.discard((host, unit))

    async def database_tables(self, host: str, database: str) -> int | None:
        return 1 if (host, database) in self._databases else None

    async def restore_database(self, host: str, database: str, dump: str, *, token: str) -> None:
        del dump
        self._databases.add((host, database))
        self._restored.add(token)

    async def database_restore(self, host: str, *, token: str) -> DatabaseRestore:
        del host
        return DatabaseRestore(state="completed" if token in self._restored else "absent")
