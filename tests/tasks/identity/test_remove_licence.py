from __future__ import annotations

import pytest

from tasks.identity.remove_licence import RemoveLicence
from tenantry.errors import StepError
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fakes import FakeTenant
from tests.tasks.identity.entitled import PLAN, entitled, licence


def prepare(tenant: FakeTenant) -> dict[str, str]:
    entitled(tenant)
    return {"account": "alice@acme.example", "sku": "e3"}


def otherwise(tenant: FakeTenant) -> None:
    tenant.more["entitlements"].held["e3"] = licence("e3", ())


class TestRemoveLicence(ContestedEffectContract):
    case = Case(
        task=RemoveLicence,
        prepare=prepare,
        writes=[("remove_licence", "id-alice/e3", None)],
        undo_writes=[("add_licence", "id-alice/e3", (PLAN,))],
        seen=lambda tenant: sorted((one.sku, one.disabled_plans) for one in tenant.more["entitlements"].held.values()),
        upsets=otherwise,
    )


async def test_one_that_comes_through_a_group_is_refused_by_name() -> None:
    tenant = FakeTenant()
    with pytest.raises(StepError, match="VISIO"):
        await drive(tenant, RemoveLicence(), prepare(tenant) | {"sku": "visio"})
    assert tenant.writes == []
