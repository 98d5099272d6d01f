from __future__ import annotations

import pytest

from tasks.host.restore_database import RestoreDatabase
from tenantry.errors import NotVerified
from tests.support.host_service import with_services

GIVEN = {
    "host": "web2",
    "database": "shop",
    "dump": "/var/restore/shop.dump",
    "proof": "SELECT count(*) FROM orders",
    "at_least": 1000,
}


def case(**more):
    tenant, services = with_services(**more)
    task = RestoreDatabase()
    return tenant, services, task, tenant.context(task), task.Params.model_validate(GIVEN)


async def test_plan_run_and_again() -> None:
    tenant, _, task, ctx, p = case()
    changes = await task.check(ctx, p)
    assert tenant.writes == []
    await task.apply(ctx, p, changes)
    assert await task.verify(ctx, p, changes) == []
    assert await task.check(ctx, p) == []
    await task.apply(ctx, p, changes)
    assert tenant.writes == [("restore", "web2/shop", "/var/restore/shop.dump")]


async def test_an_empty_or_older_backup_is_no_success() -> None:
    _, _, task, ctx, p = case(rows="12")
    changes = await task.check(ctx, p)
    await task.apply(ctx, p, changes)
    with pytest.raises(NotVerified, match="gives 12: at least 1000"):
        await task.verify(ctx, p, changes)
    with pytest.raises(NotVerified):
        await task.check(ctx, p)


async def test_a_restore_that_goes_on_is_waited_for_and_one_that_failed_is_said() -> None:
    _, _, task, ctx, p = case(ends="running")
    changes = await task.check(ctx, p)
    await task.apply(ctx, p, changes)
    assert await task.verify(ctx, p, changes) == changes
    _, _, task, ctx, p = case(ends="failed")
    await task.apply(ctx, p, changes)
    with pytest.raises(NotVerified, match="failed: a line"):
        await task.verify(ctx, p, changes)
