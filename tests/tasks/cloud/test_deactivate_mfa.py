from __future__ import annotations

from tasks.cloud.deactivate_mfa import DeactivateMfa
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case, drive


def prepare(tenant: CloudTenant) -> dict[str, str]:
    device = tenant.account.device("user/dana.ops", "attackers", tenant.account.start)
    return {"principal": "user/dana.ops", "device": device}


class TestDeactivateMfa(CloudEffect):
    case = Case(
        task=DeactivateMfa,
        prepare=lambda tenant: prepare(tenant) | {"device": "phone"} if _named(tenant) else {},
        writes=[("deactivate_mfa", "user/dana.ops/mfa/phone", None)],
        undo_writes=None,
        foothold=True,
    )


def _named(tenant: CloudTenant) -> bool:
    tenant.account.add("mfa", "phone", {"owner": "user/dana.ops", "at": tenant.account.start})
    return True


async def test_the_persons_own_device_stays() -> None:
    tenant = CloudTenant()
    before = {record.id for record in tenant.account.table("mfa")}
    await drive(tenant, DeactivateMfa(), prepare(tenant))
    assert {record.id for record in tenant.account.table("mfa")} == before
