"""A store of our own that is emptied: what is locked stays with its date, and a vendor's "deleted" is no proof."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.elsewhere import emptied_store
from integrations.lab import Lab
from integrations.lab.cloud.account import HOME
from integrations.lab.cloud.storage import LabStorage
from tenantry.capabilities import Retention, StoredObject
from tenantry.errors import TargetNotFound, Unreachable

BUCKET = "msp-archive"


@pytest.fixture
def storage() -> LabStorage:
    lab = Lab("quiet", users=20)
    row = {"created": lab.now(), "versioned": True, "lock": True, "policy": None}
    lab.cloud.add("buckets", BUCKET, row)
    assert HOME
    return LabStorage(lab.cloud)


async def test_every_version_goes(storage: LabStorage) -> None:
    for text in (b"one", b"two"):
        await storage.write(BUCKET, "acme/report", text)
    await storage.write(BUCKET, "other/report", b"not theirs")
    found = await emptied_store(storage, BUCKET, "acme/")
    assert (found.left, found.served, dict(found.locked)) == ([], [], {})
    assert [one.key async for one in storage.objects(BUCKET, versions=True)] == ["other/report"]


async def test_what_is_locked_is_listed_with_the_day_on_which_it_ends(storage: LabStorage) -> None:
    until = datetime.now(UTC) + timedelta(days=30)
    version = await storage.write(BUCKET, "acme/locked", b"kept")
    await storage.set_retention(BUCKET, "acme/locked", version, Retention(mode="compliance", until=until))
    await storage.write(BUCKET, "acme/free", b"gone")
    found = await emptied_store(storage, BUCKET, "acme/")
    assert found.left == []
    [row] = found.retained("Backups", f"{BUCKET}/acme/")
    assert (row["what"], row["until"]) == ("Backups: 1 objects", until.date().isoformat())
    assert "compliance" in row["law"]


class Lying:
    """A store that says deleted: ``serves`` gives the object out still, ``lists`` lists it still."""

    def __init__(self, *, serves: bool = False, lists: bool = False, trouble: bool = False) -> None:
        self.serves, self.lists, self.trouble = serves, lists, trouble
        self.deleted = False

    async def objects(self, bucket: str, prefix: str = "", *, versions: bool = False) -> AsyncIterator[StoredObject]:
        if self.lists or not self.deleted:
            at = datetime(2026, 1, 1, tzinfo=UTC)
            yield StoredObject(
                key="acme/x", version="v1", latest=True, delete_marker=False, size=1, modified_at=at, etag="", raw={}
            )

    async def retention(self, bucket: str, key: str, version: str) -> None:
        return None

    async def remove_version(self, bucket: str, key: str, version: str) -> None:
        if self.trouble:
            raise Unreachable("gone")
        self.deleted = True

    async def opens(self, bucket: str, key: str, version: str = "") -> bool:
        if self.serves or not self.deleted:
            return True
        raise TargetNotFound("no such object")


async def test_deleted_and_still_served_is_found() -> None:
    lying: Any = Lying(serves=True)
    found = await emptied_store(lying, BUCKET, "acme/")
    assert found.served == ["acme/x@v1"]
    assert "deleted, and still served" in found.named()


async def test_deleted_and_still_listed_is_found() -> None:
    lying: Any = Lying(lists=True)
    assert (await emptied_store(lying, BUCKET, "acme/")).left == ["acme/x@v1"]


async def test_a_store_that_does_not_answer_is_no_empty_one() -> None:
    lying: Any = Lying(trouble=True)
    with pytest.raises(Unreachable):
        await emptied_store(lying, BUCKET, "acme/")
