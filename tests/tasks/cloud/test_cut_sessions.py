from __future__ import annotations

from datetime import timedelta

import pytest

from tasks.cloud.cut_sessions import CutSessions
from tenantry.errors import Conflict
from tenantry.task import Outcome
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case, drive, undo
from tests.support.fakes import NOW

WRITE = ("cut_sessions", "role/build/policies/TenantryCutSessions", None)


class TestCutSessions(CloudEffect):
    case = Case(
        task=CutSessions,
        prepare=lambda _: {"principal": "role/build"},
        writes=[WRITE],
        undo_writes=[("allow_sessions", "role/build/policies/TenantryCutSessions", None)],
        seen=lambda tenant: tenant.seen("principals", "role/build")["inline"],
        foothold=True,
    )


async def test_an_earlier_cut_is_moved_on_and_never_put_back() -> None:
    tenant = CloudTenant()
    identity = tenant.more["cloud_identity"]
    await identity.cut_sessions("role/build", NOW - timedelta(days=1))
    made = await drive(tenant, CutSessions(), {"principal": "role/build"})
    assert made.outcome is Outcome.CHANGED
    assert await identity.sessions_cut("role/build") >= NOW
    with pytest.raises(Conflict):
        await undo(tenant, CutSessions(), {"principal": "role/build"}, made.changes)


async def test_a_cut_since_the_run_began_is_enough() -> None:
    tenant = CloudTenant()
    await tenant.more["cloud_identity"].cut_sessions("role/build", NOW + timedelta(seconds=5))
    assert (await drive(tenant, CutSessions(), {"principal": "role/build"})).outcome is Outcome.ALREADY
