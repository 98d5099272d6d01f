from __future__ import annotations

from tasks.host.stop_service import StopService
from tests.support.host_service import with_services


async def test_plan_run_again_and_undo() -> None:
    tenant, services = with_services(active={"nginx.service": True})
    task = StopService()
    p = task.Params.model_validate({"host": "web2", "unit": "nginx.service"})
    ctx = tenant.context(task)
    changes = await task.check(ctx, p)
    assert tenant.writes == []
    await task.apply(ctx, p, changes)
    assert await task.check(ctx, p) == []
    assert tenant.writes == [("stop", "web2/nginx.service", None)]
    await task.undo(ctx, p, changes)
    assert services.active == {"nginx.service": True}
