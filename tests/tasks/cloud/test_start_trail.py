from __future__ import annotations

import pytest

from tasks.cloud.start_trail import StartTrail
from tenantry.errors import TargetNotFound
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case, drive


def prepare(tenant: CloudTenant) -> dict[str, str]:
    next(iter(tenant.account.table("trails"))).props["recording"] = False
    return {"trail": "all"}


class TestStartTrail(CloudEffect):
    case = Case(
        task=StartTrail,
        prepare=prepare,
        writes=[("set_recording", "trails/all", None)],
        undo_writes=[("set_recording", "trails/all", None)],
        seen=lambda tenant: next(iter(tenant.account.table("trails"))).props["recording"],
        foothold=True,
    )


async def test_one_that_was_deleted_is_no_success() -> None:
    with pytest.raises(TargetNotFound):
        await drive(CloudTenant(), StartTrail(), {"trail": "gone"})
