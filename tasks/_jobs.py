"""What a task that began a job at a vendor's says of it, once it asks what became of it."""

from __future__ import annotations

from tenantry.capabilities import BackupJob
from tenantry.errors import CannotCheck, NotVerified
from tenantry.task import Change

__all__ = ["still_open"]


def still_open(job: BackupJob | None, what: str, changes: list[Change]) -> list[Change]:
    """The changes that are not seen yet; none once the job is completed.

    Args:
        job: as the vendor tells it now; None: it cannot be found.
        what: ``the restore``.

    Raises:
        CannotCheck: it cannot be found, though it was begun.
        NotVerified: it ended otherwise.
    """
    if job is None:
        raise CannotCheck(
            f"{what} was begun, and what became of it cannot be looked up",
            remedy="Look for it in the vendor's console, and say in a note how it ended.",
        )
    if job.done and job.state != "completed":
        raise NotVerified(f"{what} ended as {job.state}: {job.message or 'no reason was given'}"[:500])
    return [] if job.state == "completed" else changes
