from __future__ import annotations

import pytest

from integrations.lab.cloud.account import HOME
from tasks.cloud.create_volume import CreateVolume
from tenantry.errors import NotVerified
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case, drive

SNAPSHOT = "snap-0123456789abcdef0"


def prepare(tenant: CloudTenant) -> dict[str, str]:
    row = {"region": HOME, "volume": "vol-1", "at": tenant.account.start, "token": "", "locked": None}
    tenant.account.add("snapshots", SNAPSHOT, row)
    return {"snapshot": SNAPSHOT, "zone": f"{HOME}a"}


def target() -> str:
    from tasks.cloud._made import token

    return f"made/{token(CloudTenant().context(CreateVolume()))}"


class TestCreateVolume(CloudEffect):
    case = Case(
        task=CreateVolume,
        prepare=prepare,
        writes=[("create_volume", target(), None)],
        undo_writes=[("remove_made", target(), None)],
    )


async def test_one_that_failed_is_no_success() -> None:
    tenant = CloudTenant()
    machines = tenant.more["cloud_machines"]
    made = machines.made

    async def failed(token: str):
        found = await made(token)
        return None if found is None else found.model_copy(update={"state": "failed"})

    machines.made = failed
    with pytest.raises(NotVerified):
        await drive(tenant, CreateVolume(), prepare(tenant))
