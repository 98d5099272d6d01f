from __future__ import annotations

from tasks.identity.collect_entitlements import CollectEntitlements
from tests.support.fakes import FakeTenant
from tests.tasks.identity.entitled import PLAN, entitled


async def test_what_it_takes_to_give_it_back() -> None:
    tenant = FakeTenant()
    entitled(tenant)
    task = CollectEntitlements()
    found = await task.read(tenant.context(task), task.Params(account="alice@acme.example"))
    assert [(one.id, one.fixed) for one in found.groups] == [
        ("finance", None),
        ("sales", None),
        ("everybody", "a rule decides"),
    ]
    assert found.licences[0].disabled_plans == [PLAN]
    assert found.by_hand == ["group Everybody: a rule decides", "licence VISIO: it comes through Finance"]
    assert len(found.evidence) == 2
