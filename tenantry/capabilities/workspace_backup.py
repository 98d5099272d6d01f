"""Copies of people's mailboxes and drives and of sites that the vendor of the workspace keeps by itself, and getting them back.

Beside :class:`tenantry.capabilities.Backup`, because a client has both: servers whose backups somebody runs, and a workspace whose vendor
does. Nobody begins these backups, and what was restored is taken away by people: it stands in a folder or site of its own.

A *source* is written ``<kind>/<id or address>``: ``mailbox/dana@acme.example``. Points and jobs are those of ``backup``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol, runtime_checkable

from tenantry.capabilities.backup import BackupJob, BackupSource, RecoveryPoint


@runtime_checkable
class WorkspaceBackup(Protocol):
    """Provider contract."""

    def sources(self) -> AsyncIterator[BackupSource]:
        """Everything of the tenant that is protected, streamed."""
        ...

    def points(
        self, source: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncIterator[RecoveryPoint]:
        """Recovery points of a source that were made between the two times, both included, newest first; there may be one every ten minutes.

        Raises TargetNotFound: it is not protected.
        """
        ...

    async def restore(self, point: str, *, token: str) -> BackupJob:
        """Begin a restore beside what is there. The same token is the same job for ever; one that stopped half-way goes on.

        Raises TargetNotFound; Rejected (it cannot be said whose it is).
        """
        ...

    async def restored(self, point: str, *, token: str) -> BackupJob | None:
        """The restore of this point that was begun with this token; None: none was. ``completed`` is said only where this point, and no
        other, came back; ``result`` is where it stands."""
        ...
