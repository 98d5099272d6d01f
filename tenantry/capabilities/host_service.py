"""Services and databases on hosts of one tenant: what recovering a system takes besides its files.

A host is known by the name that the tenant's file gives it. Writes are repeat-safe; what takes long is begun on the host under a token and
goes on by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

__all__ = ["CommandOutput", "DatabaseRestore", "HostService", "NewestOf"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CommandOutput(_Fact):
    status: int
    output: str


class NewestOf(_Fact):
    """Files below a folder."""

    count: int
    newest: datetime | None


class DatabaseRestore(_Fact):
    """How a restore that was begun stands. ``absent``: none was begun with this token."""

    state: Literal["absent", "running", "completed", "failed"]
    message: str = ""


@runtime_checkable
class HostService(Protocol):
    """Provider contract. An unknown host raises TargetNotFound before anything is sent."""

    async def command(self, host: str, argv: Sequence[str], *, root: bool, within: float) -> CommandOutput:
        """Run a program that only looks. Whatever its exit status, it is an answer."""
        ...

    async def query(self, host: str, database: str, sql: str, *, within: float) -> str:
        """The first column of the first row, as text; read only. Raises Rejected where PostgreSQL refuses it."""
        ...

    async def newest_file(self, host: str, path: str) -> NewestOf: ...

    async def service_active(self, host: str, unit: str) -> bool: ...

    async def start_service(self, host: str, unit: str) -> None:
        """Started and enabled. Running counts as done."""
        ...

    async def stop_service(self, host: str, unit: str) -> None:
        """Stopped, and not started again by the next boot. Not running counts as done."""
        ...

    async def database_tables(self, host: str, database: str) -> int | None:
        """How many tables of users it has; None: there is no such database."""
        ...

    async def restore_database(self, host: str, database: str, dump: str, *, token: str) -> None:
        """Begin to make a database out of a dump (pg_dump's custom or plain format) that lies on the host, once for one token.

        It is restored under another name and takes its own when it is whole. Raises Rejected where a database of that name has tables already.
        """
        ...

    async def database_restore(self, host: str, *, token: str) -> DatabaseRestore: ...
