from __future__ import annotations

import pytest

from tasks.host.start_service import StartService
from tenantry.errors import TargetNotFound
from tests.support.host_service import with_services

GIVEN = {"host": "web2", "unit": "nginx.service"}


async def test_plan_run_again_and_undo() -> None:
    tenant, services = with_services()
    task = StartService()
    p = task.Params.model_validate(GIVEN)
    ctx = tenant.context(task)
    changes = await task.check(ctx, p)
    assert tenant.writes == []
    await task.apply(ctx, p, changes)
    assert await task.check(ctx, p) == []
    assert tenant.writes == [("start", "web2/nginx.service", None)]
    await task.undo(ctx, p, changes)
    assert services.active == {"nginx.service": False}
    assert await task.verify_undone(ctx, p, changes)


async def test_a_unit_that_is_not_there_is_no_success() -> None:
    tenant, _ = with_services()
    task = StartService()
    with pytest.raises(TargetNotFound):
        await task.check(tenant.context(task), task.Params.model_validate({**GIVEN, "unit": "other.service"}))
