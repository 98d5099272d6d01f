from __future__ import annotations

from tasks.identity.collect_entitlements import CollectEntitlements
from tasks.identity.compare_entitlements import CompareEntitlements
from tests.support.fakes import FakeTenant
from tests.tasks.identity.entitled import entitled


async def test_gone_is_what_is_not_read_any_more() -> None:
    tenant = FakeTenant()
    made = entitled(tenant)
    collect, compare = CollectEntitlements(), CompareEntitlements()
    before = await collect.read(tenant.context(collect), collect.Params(account="id-alice"))
    del made.groups["finance"], made.held["e3"]
    params = compare.Params(account="id-alice", groups=before.groups, licences=before.licences)
    found = await compare.read(tenant.context(compare), params)
    assert [one.id for one in found.removed_groups] == ["finance"]
    assert [one.id for one in found.removed_licences] == ["e3"]
    assert found.left == ["group Sales", "group Everybody", "licence VISIO"]
    assert found.enabled
