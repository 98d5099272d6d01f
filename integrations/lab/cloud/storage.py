"""``storage`` of the stand-in account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from integrations.lab.cloud.account import HOME, CloudAccount
from tenantry.capabilities.storage import Bucket, BucketProtection, Retention, StoredObject
from tenantry.errors import Rejected, TargetNotFound

_PIECE = 256 * 1024


class LabStorage:
    """Implements :class:`tenantry.capabilities.Storage` in memory."""

    def __init__(self, account: CloudAccount) -> None:
        self._a = account

    async def buckets(self) -> AsyncIterator[Bucket]:
        for name, row in self._a.all("buckets"):
            yield Bucket(name=name, created_at=row["created"], region=HOME)

    async def protection(self, bucket: str) -> BucketProtection:
        row = self._a.seen("buckets", bucket)
        return BucketProtection(versioned=row["versioned"], lock=row["lock"], default_mode=None, default_days=None)

    async def objects(self, bucket: str, prefix: str = "", *, versions: bool = False) -> AsyncIterator[StoredObject]:
        for key in sorted({row["key"] for row in self._rows(bucket)}):
            held = [row for row in self._rows(bucket) if row["key"] == key]
            for row in reversed(held) if versions else held[-1:]:
                if key.startswith(prefix) and (versions or not row["marker"]):
                    yield _object(row, latest=row is held[-1])

    async def read(self, bucket: str, key: str, version: str = "") -> AsyncIterator[bytes]:
        row = self._one(bucket, key, version)
        if row.get("sealed"):
            raise Rejected(f"{key} was encrypted with a key that came with the write")
        data = row["data"]
        for at in range(0, len(data), _PIECE):
            yield data[at : at + _PIECE]

    async def opens(self, bucket: str, key: str, version: str = "") -> bool:
        return not self._one(bucket, key, version).get("sealed")

    async def write(self, bucket: str, key: str, data: bytes) -> str:
        rows, versioned = self._rows(bucket), self._a.truth("buckets", bucket).props["versioned"]
        if not versioned:
            rows[:] = [row for row in rows if row["key"] != key]
        version = self._a.fresh("v", 20) if versioned else ""
        row = {"key": key, "version": version, "data": data, "at": self._a.lab.now(), "marker": False, "kept": None}
        rows.append(row)
        self._a.wrote("write", f"buckets/{bucket}/{key}", None, {"size": len(data)})
        return version

    async def restore_version(self, bucket: str, key: str, version: str) -> None:
        row = self._one(bucket, key, version)
        if row.get("sealed"):
            raise Rejected(f"{key} was encrypted with a key that came with the write")
        await self.write(bucket, key, row["data"])

    async def retention(self, bucket: str, key: str, version: str) -> Retention | None:
        found = self._one(bucket, key, version)["kept"]
        return found if found is None else Retention.model_validate(found)

    async def set_retention(self, bucket: str, key: str, version: str, retention: Retention) -> None:
        if not self._a.truth("buckets", bucket).props["lock"]:
            raise Rejected(f"{bucket} has no locks")
        row = self._one(bucket, key, version)
        present = row["kept"]
        if present and present["mode"] == "compliance" and retention.until < present["until"]:
            raise Rejected("a lock in compliance mode is not shortened")
        row["kept"] = retention.model_dump()
        self._a.wrote("set_retention", f"buckets/{bucket}/{key}", None, {"mode": retention.mode})

    async def remove_version(self, bucket: str, key: str, version: str) -> None:
        try:
            row = self._one(bucket, key, version)
        except TargetNotFound:
            self._rows(bucket)
            return
        if row["kept"] and row["kept"]["until"] > self._a.lab.now():
            raise Rejected("this version is locked")
        self._rows(bucket).remove(row)
        self._a.wrote("remove_version", f"buckets/{bucket}/{key}", {"version": version}, None)

    def _rows(self, bucket: str) -> list[dict[str, Any]]:
        self._a.truth("buckets", bucket)
        return self._a.objects.setdefault(bucket, [])

    def _one(self, bucket: str, key: str, version: str) -> dict[str, Any]:
        wanted = "" if version == "null" else version
        row: dict[str, Any]
        for row in reversed(self._rows(bucket)):
            if row["key"] == key and wanted in ("", row["version"]):
                if row["marker"] and not wanted:
                    break
                return row
        raise TargetNotFound(f"there is no object {key} in {bucket}")


def _object(row: dict[str, Any], *, latest: bool) -> StoredObject:
    return StoredObject(
        key=row["key"],
        version=row["version"],
        latest=latest,
        delete_marker=row["marker"],
        size=len(row["data"]),
        modified_at=row["at"],
        etag="",
        raw={"Key": row["key"]},
    )
