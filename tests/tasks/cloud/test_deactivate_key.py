from __future__ import annotations

import pytest

from tasks.cloud.deactivate_key import DeactivateKey
from tenantry.errors import TargetNotFound
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case, drive


def prepare(tenant: CloudTenant) -> dict[str, str]:
    return {"key": tenant.account.key("user/ci-deploy", "leaked", id="AKIALEAKED0000000000")}


class TestDeactivateKey(CloudEffect):
    case = Case(
        task=DeactivateKey,
        prepare=prepare,
        writes=[("set_key_active", "user/ci-deploy/keys/AKIALEAKED0000000000", None)],
        undo_writes=[("set_key_active", "user/ci-deploy/keys/AKIALEAKED0000000000", None)],
        seen=lambda tenant: tenant.seen("keys", "AKIALEAKED0000000000")["active"],
        foothold=True,
    )


async def test_the_other_key_of_the_user_stays() -> None:
    tenant = CloudTenant()
    other = next(r for r in tenant.account.table("keys") if r.props["owner"] == "user/ci-deploy").id
    await drive(tenant, DeactivateKey(), prepare(tenant))
    assert tenant.seen("keys", other)["active"]


async def test_a_key_of_nobody_is_not_taken_for_an_inactive_one() -> None:
    with pytest.raises(TargetNotFound):
        await drive(CloudTenant(), DeactivateKey(), {"key": "AKIA0000000000000000"})
