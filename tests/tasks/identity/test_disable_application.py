from __future__ import annotations

import pytest

from tasks.identity.disable_application import DisableApplication
from tenantry.errors import TargetNotFound
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant


def prepare(tenant: FakeTenant) -> dict[str, str]:
    tenant.applications.add("evil")
    tenant.applications.add("own")
    return {"application": "sp-evil"}


class TestDisableApplication(EffectContract):
    case = Case(
        task=DisableApplication,
        prepare=prepare,
        writes=[("set_application_enabled", "sp-evil", False)],
        undo_writes=[("set_application_enabled", "sp-evil", True)],
        seen=lambda tenant: {id: a.enabled for id, a in tenant.applications.all.items()},
        foothold=True,
    )


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"ours": True}, "signs in with"),
        ({"first_party": True}, "vendor's own"),
        ({"verified": True, "publisher": "Ledgerline"}, "verified: Ledgerline"),
        ({}, None),
    ],
)
async def test_a_person_is_asked_where_it_may_be_a_mistake(facts, reason):
    tenant = FakeTenant()
    tenant.applications.add("x", **facts)
    task = DisableApplication()
    reasons = await task.guard(tenant.context(task), task.Params(application="sp-x"))
    assert (reason in reasons[0]) if reason else reasons == []


async def test_an_application_that_is_not_there_is_no_success():
    with pytest.raises(TargetNotFound):
        await drive(FakeTenant(), DisableApplication(), {"application": "sp-x"})
