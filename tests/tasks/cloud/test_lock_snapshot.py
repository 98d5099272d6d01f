from __future__ import annotations

from tasks.cloud.lock_snapshot import LockSnapshot
from tenantry.task import Impact
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case
from tests.support.fakes import NOW


def prepare(tenant: CloudTenant) -> dict[str, object]:
    row = {"region": "x", "volume": "vol-1", "token": "t", "description": "", "at": NOW, "locked": None}
    tenant.account.add("snapshots", "snap-1", row)
    return {"snapshot": "snap-1", "days": 30}


class TestLockSnapshot(CloudEffect):
    case = Case(
        task=LockSnapshot,
        prepare=prepare,
        writes=[("lock_snapshot", "volumes/vol-1/snapshots/t/lock", None)],
        undo_writes=None,
    )


def test_it_always_takes_an_approval() -> None:
    assert LockSnapshot.impact is Impact.IRREVERSIBLE
