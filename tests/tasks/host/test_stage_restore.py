from __future__ import annotations

import pytest

from tasks.host.stage_restore import StageRestore
from tenantry.errors import NotVerified
from tests.support.effects import Case, drive
from tests.support.ransom import RansomEffect, RansomTenant


def prepare(tenant: RansomTenant) -> dict[str, object]:
    return {"host": "web1", "point": tenant.story["files"]["good"]}


def target() -> str:
    return f"web1/restores/{RansomTenant().story['files']['good']}"


class TestStageRestore(RansomEffect):
    case = Case(
        task=StageRestore,
        prepare=prepare,
        writes=[("stage", target(), None)],
        undo_writes=[("remove_staged", target(), None)],
        seen=lambda tenant: (tenant.web.staging, tenant.web.files),
    )


async def test_one_that_ended_without_a_result_is_no_success() -> None:
    tenant = RansomTenant()
    staged = tenant.backups.staged

    async def failed(host: str, point: str, *, token: str) -> object:
        job = await staged(host, point, token=token)
        return None if job is None else job.model_copy(update={"state": "failed"})

    tenant.backups.staged = failed  # type: ignore[method-assign]  # the disk is full
    with pytest.raises(NotVerified):
        await drive(tenant, StageRestore(), prepare(tenant))
