from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.backup._restore import OnePoint, token
from tasks.backup.restore_point import RestorePoint
from tenantry.errors import CannotCheck, NotVerified
from tests.support.effects import Case, drive
from tests.support.ransom import RansomEffect, RansomTenant


def prepare(tenant: RansomTenant) -> dict[str, str]:
    return {"point": tenant.story["source"]["good"]}


def mine(tenant: RansomTenant) -> str:
    return token(tenant.context(RestorePoint()), OnePoint(**prepare(tenant)))


def job(tenant: RansomTenant) -> str:
    return tenant.account.made_up("job-", mine(tenant))


class TestRestorePoint(RansomEffect):
    case = Case(
        task=RestorePoint,
        prepare=prepare,
        writes=[("restore", f"jobs/{mine(RansomTenant())}", None)],
        undo_writes=[("remove_restored", f"jobs/{job(RansomTenant())}", None)],
    )


async def test_a_moment_is_handed_on() -> None:
    tenant = RansomTenant()
    asked: list[Any] = []
    plain = tenant.more["backup"].restore

    async def restore(*args: Any, at: Any = None, **more: Any) -> Any:
        asked.append(at)
        return await plain(*args, **more)

    tenant.more["backup"].restore = restore
    moment = datetime(2026, 11, 20, 8, tzinfo=UTC)
    await drive(tenant, RestorePoint(), {**prepare(tenant), "at": moment})
    assert asked == [moment]


@pytest.mark.parametrize("became", ["failed", "unknown"])
async def test_what_came_of_it_is_asked(became: str) -> None:
    tenant = RansomTenant()
    backup = tenant.more["backup"]
    of, ask = backup.job_of, backup.job

    async def job_of(token: str) -> Any:
        return None if became == "unknown" else await of(token)

    async def failed(job: str) -> Any:
        return (await ask(job)).model_copy(update={"state": "failed", "message": "no room"})

    backup.job_of, backup.job = job_of, failed
    with pytest.raises(NotVerified if became == "failed" else CannotCheck):
        await drive(tenant, RestorePoint(), prepare(tenant))
