from __future__ import annotations

import pytest

from tasks.backup.promote_replica import PromoteReplica
from tenantry.capabilities import BackupJob
from tenantry.errors import CannotCheck, NotVerified
from tests.support.fakes import FakeTenant


class FakeBackups:
    def __init__(self, writes, *states: str) -> None:
        self.writes = writes
        self.states = list(states)
        self.jobs: dict[str, BackupJob] = {}

    async def promote(self, replica: str, *, token: str) -> BackupJob:
        if token not in self.jobs:
            self.writes.append(("promote", replica, None))
            self.jobs[token] = self._job(replica)
        return self.jobs[token]

    async def job_of(self, token: str) -> BackupJob | None:
        return self._job("r") if token in self.jobs else None

    def _job(self, replica: str) -> BackupJob:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        given = {"result": None, "message": "", "started_at": None, "ended_at": None, "raw": {}}
        return BackupJob(id="j", action="promote", state=state, source=replica, **given)


def case(*states: str):
    tenant = FakeTenant()
    tenant.more["backup"] = backups = FakeBackups(tenant.writes, *states)
    task = PromoteReplica()
    return tenant, backups, task, tenant.context(task), task.Params.model_validate({"replica": "db-replica"})


async def test_plan_run_and_again() -> None:
    tenant, _, task, ctx, p = case("running", "running", "completed")
    changes = await task.check(ctx, p)
    assert tenant.writes == []
    await task.apply(ctx, p, changes)
    await task.apply(ctx, p, changes)
    assert await task.verify(ctx, p, changes) == changes
    assert await task.verify(ctx, p, changes) == []
    assert await task.check(ctx, p) == []
    assert tenant.writes == [("promote", "db-replica", None)]


async def test_one_that_failed_or_cannot_be_looked_up_is_no_success() -> None:
    _, _, task, ctx, p = case("failed")
    changes = await task.check(ctx, p)
    with pytest.raises(CannotCheck):
        await task.verify(ctx, p, changes)
    await task.apply(ctx, p, changes)
    with pytest.raises(NotVerified, match="failed"):
        await task.verify(ctx, p, changes)
