"""Getting files of a host back from its own backup: beside what is there, compared by digest, then put in their places.

Stands beside ``backup`` because a client may have a cloud account that is backed up and hosts that are, and a run needs both. A *staging
folder* on the host holds one recovery point, or parts of it, for one ``token``; nothing but :meth:`HostBackup.put_in_place` and
:meth:`HostBackup.put_back` touches a file outside of it and of what is kept beside it.

What an intruder could do meanwhile is thought of: nothing is written through a link, the digest that counts is that of what the backup
tool itself restored and verified, and what is replaced is kept, because an encrypted file may be the only copy of what came after the
backup, and is evidence.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities.backup import BackupJob, RecoveryPoint

__all__ = ["HostBackup", "StagedFile"]


class StagedFile(BaseModel):
    """One restored file, and what is in the place where it belongs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Where it belongs, written as :func:`~tenantry.capabilities.host.path_text` does."""
    sha256: str
    """Of the restored file."""
    size: int
    """Bytes of the restored file."""
    present_sha256: str | None
    """Of what is in its place; None: nothing is, or no file, or one that cannot be read."""
    changed_at: datetime | None
    """When what is in its place was changed last (ctime, which touch(1) cannot set back); None: nothing is there."""
    kept: bool
    """What was in its place before is kept beside the staging folder: it was put in place by this token."""

    @property
    def same(self) -> bool:
        """What is in its place is what was backed up."""
        return self.present_sha256 == self.sha256

    def due(self, since: datetime) -> bool:
        """Whether it is put back by the rule of :meth:`HostBackup.put_in_place`."""
        return not self.same and (self.changed_at is None or self.changed_at >= since.replace(microsecond=0))


@runtime_checkable
class HostBackup(Protocol):
    """Provider contract. ``host`` is a name of the tenant's file; one without a repository raises TargetNotFound before anything is sent."""

    def points(self, source: str | None = None, *, until: datetime | None = None) -> AsyncIterator[RecoveryPoint]:
        """Recovery points of a host (None: of all that have a repository) made until then, newest first within a host."""
        ...

    async def stage(self, host: str, point: str, paths: Sequence[str], *, token: str) -> BackupJob:
        """Begin to restore a recovery point into a staging folder, once for one token; it goes on by itself.

        Args:
            paths: files and folders of it; none: all of it.

        Raises:
            TargetNotFound: no such host or point.
        """
        ...

    async def staged(self, host: str, point: str, *, token: str) -> BackupJob | None:
        """How far it is. ``completed``: all of it is there, and was read back and compared by the backup tool. None: never begun."""
        ...

    def compare(self, host: str, point: str, *, token: str) -> AsyncIterator[StagedFile]:
        """Every restored file with what is in its place, by digest, streamed. Raises TargetNotFound while nothing is staged."""
        ...

    async def put_in_place(self, host: str, point: str, since: datetime, *, token: str) -> None:
        """Begin to put restored files where they belong; it goes on by itself, and doing it twice does no more than once.

        A file is put in its place where nothing is there, or where something else is that was changed at or after ``since``. What
        differs and is older was changed by the client after the backup, before the attack: it stays. What is replaced is kept
        beside the staging folder. A file whose folder is reached through a link is left as it is.
        """
        ...

    async def placing(self, host: str, point: str, *, token: str) -> bool:
        """Whether :meth:`put_in_place` or :meth:`put_back` is still at work for this token."""
        ...

    async def put_back(self, host: str, point: str, *, token: str) -> None:
        """The reverse, begun likewise: what was kept goes back, and what was not there before goes away. A file that was changed since it was
        put in place is left alone."""
        ...

    async def remove_staged(self, host: str, point: str, *, token: str) -> None:
        """Delete the staging folder and what is kept beside it. Absent counts as deleted."""
        ...
