from __future__ import annotations

from tasks.cloud.snapshot_volumes import SnapshotVolumes
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case, drive


def prepare(tenant: CloudTenant) -> dict[str, str]:
    instance = tenant.machine()
    tenant.account.truth("instances", instance).props["volumes"] = ["vol-1"]
    tenant.account.add("volumes", "vol-1", {"region": "eu-central-1", "instance": instance})
    return {"instance": instance}


class TestSnapshotVolumes(CloudEffect):
    case = Case(
        task=SnapshotVolumes,
        prepare=prepare,
        writes=[("create_snapshot", "volumes/vol-1/snapshots/run-1/step", None)],
        undo_writes=[("delete_snapshot", "volumes/vol-1/snapshots/run-1/step", None)],
        seen=lambda tenant: len(tenant.account.table("snapshots")),
    )


async def test_another_run_makes_its_own() -> None:
    tenant = CloudTenant()
    params = prepare(tenant)
    await tenant.more["cloud"].create_snapshot("vol-1", token="run-0/step", description="")
    assert (await drive(tenant, SnapshotVolumes(), params)).changes
    assert len(tenant.account.table("snapshots")) == 2
