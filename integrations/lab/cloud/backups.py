"""``backup`` of the stand-in account. Jobs are done as soon as they are looked at a second time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from integrations.lab.cloud.account import CloudAccount
from tenantry.capabilities.backup import BackupJob, BackupSource, RecoveryPoint, RestoreTarget, Verification
from tenantry.errors import Rejected


class LabBackup:
    """Implements :class:`tenantry.capabilities.Backup` in memory."""

    def __init__(self, account: CloudAccount) -> None:
        self._a = account

    async def sources(self) -> AsyncIterator[BackupSource]:
        newest: dict[str, datetime] = {}
        for _, row in self._a.all("points"):
            newest[row["source"]] = max(newest.get(row["source"], row["at"]), row["at"])
        for source, at in newest.items():
            yield BackupSource(id=source, kind="volume", name=source, last_point_at=at, raw={"Id": source})

    async def points(
        self, source: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncIterator[RecoveryPoint]:
        found = [(id, row) for id, row in self._a.all("points") if source in (None, row["source"])]
        for id, row in sorted(found, key=lambda each: (each[1]["source"], each[1]["at"]), reverse=True):
            if (since is None or row["at"] >= since) and (until is None or row["at"] <= until):
                yield _point(id, row)

    async def point(self, point: str) -> RecoveryPoint:
        return _point(point, self._a.seen("points", point))

    async def back_up(self, source: str, *, token: str) -> BackupJob:
        if all(row["source"] != source for _, row in self._a.all("points")):
            raise Rejected(f"{source} is not backed up here")
        return self._begin(token, {"action": "backup", "source": source, "result": self._a.made_up("rp-", token)})

    async def restore(self, point: str, target: RestoreTarget, *, token: str, at: datetime | None = None) -> BackupJob:
        self._a.truth("points", point)
        if at is not None:
            raise Rejected(f"{point} has one moment only")
        return self._begin(token, {"action": "restore", "source": point, "result": f"restored/{target.name}"})

    async def promote(self, replica: str, *, token: str) -> BackupJob:
        self._a.truth("points", replica)
        raise Rejected(f"{replica} is no replica, and {token!r} begins nothing")

    async def job(self, job: str) -> BackupJob:
        row = self._a.truth("jobs", job)
        if row.props["action"] == "backup" and self._a.table("points").get(row.props["result"]) is None:
            self._a.add("points", row.props["result"], {"source": row.props["source"], "at": self._a.lab.now()})
        return _job(job, {**row.props, "state": "completed"})

    async def job_of(self, token: str) -> BackupJob | None:
        found = self._a.table("jobs").get(self._a.made_up("job-", token))
        return None if found is None else _job(found.id, found.props)

    async def verify(self, job: str) -> Verification:
        self._a.truth("jobs", job)
        return Verification(state="verified", checked=1, limits="The stand-in copies nothing.")

    async def remains(self, job: str) -> bool:
        return self._a.table("jobs").get(job) is not None

    async def remove_restored(self, job: str) -> None:
        self._a.remove("jobs", job, "remove_restored", f"jobs/{job}")

    def _begin(self, token: str, row: dict[str, Any]) -> BackupJob:
        id = self._a.made_up("job-", token)
        found = self._a.table("jobs").get(id)
        if found is None:
            made = {**row, "at": self._a.lab.now(), "state": "running"}
            found = self._a.create("jobs", id, made, row["action"], f"jobs/{token}")
        return _job(id, found.props)


def _point(id: str, row: Mapping[str, Any]) -> RecoveryPoint:
    return RecoveryPoint(
        id=id,
        source=row["source"],
        kind="backup",
        created_at=row["at"],
        state="available",
        size=4096,
        encrypted=True,
        locked_until=None,
        raw={"Id": id},
    )


def _job(id: str, row: Mapping[str, Any]) -> BackupJob:
    done = row["state"] == "completed"
    return BackupJob(
        id=id,
        action=row["action"],
        state=row["state"],
        source=row["source"],
        result=row["result"] if done else None,
        message="",
        started_at=row["at"],
        ended_at=row["at"] if done else None,
        raw={"Id": id},
    )
