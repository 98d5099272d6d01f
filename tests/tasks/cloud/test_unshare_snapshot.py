from __future__ import annotations

from tasks.cloud.unshare_snapshot import UnshareSnapshot
from tests.support.effects import Case, drive
from tests.support.ransom import RansomEffect, RansomTenant


def prepare(tenant: RansomTenant) -> dict[str, str]:
    return {"snapshot": tenant.story["snapshots"]["shared"], "account": tenant.story["snapshots"]["account"]}


def target() -> str:
    given = prepare(RansomTenant())
    return f"snapshots/{given['snapshot']}/shares/{given['account']}"


class TestUnshareSnapshot(RansomEffect):
    case = Case(
        task=UnshareSnapshot,
        prepare=prepare,
        writes=[("set_snapshot_share", target(), None)],
        undo_writes=[("set_snapshot_share", target(), None)],
        seen=lambda tenant: tenant.seen("snapshots", tenant.story["snapshots"]["shared"])["shares"],
        foothold=True,
    )


async def test_whom_else_it_is_shared_with_is_not_touched() -> None:
    tenant = RansomTenant()
    given = prepare(tenant)
    tenant.account.truth("snapshots", given["snapshot"]).props["shares"] = ["111111111111", given["account"]]
    await drive(tenant, UnshareSnapshot(), given)
    assert tenant.seen("snapshots", given["snapshot"])["shares"] == ["111111111111"]
