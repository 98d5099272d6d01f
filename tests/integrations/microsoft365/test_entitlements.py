"""``entitlements`` against the lab's Graph."""

from __future__ import annotations

import pytest

from integrations.microsoft365.entitlements import Microsoft365Entitlements, _fixed, _licence
from tenantry.errors import PermissionMissing
from tests.conformance.entitlements import EntitlementsConformance, EntitlementsWorld
from tests.support.departing_person import group_with_an_address


class TestConformance(EntitlementsConformance):
    @pytest.fixture
    async def world(self, stand) -> EntitlementsWorld:
        tenant = stand.lab.tenant
        group = next(iter(tenant.groups))
        user_id = sorted(group.props["members"])[0]
        index = tenant.directory.resolve(user_id)
        return EntitlementsWorld(
            provider=(await stand.open()).capability("entitlements"),
            user=tenant.directory.upn_of(index),
            user_id=user_id,
            group=group.id,
            sku="f245ecc8-75af-4f8e-b61f-27d8114de5f3",
            writes=lambda: len(stand.lab.audit),
        )


@pytest.mark.parametrize(
    ("row", "fixed"),
    [
        ({"groupTypes": ["Unified"], "mailEnabled": True}, False),
        ({"groupTypes": [], "mailEnabled": False}, False),
        ({"groupTypes": [], "mailEnabled": True}, False),
        ({"groupTypes": ["Unified", "DynamicMembership"]}, True),
        ({"onPremisesSyncEnabled": True}, True),
        ({"isAssignableToRole": True}, True),
    ],
)
def test_what_cannot_be_changed_here(row: dict[str, object], fixed: bool) -> None:
    assert bool(_fixed(row)) is fixed


class TestGroupsOfExchange(EntitlementsConformance):
    """The same, of a security group that has an address: Graph refuses to change it."""

    @pytest.fixture
    async def world(self, stand) -> EntitlementsWorld:
        tenant = stand.lab.tenant
        user_id = tenant.directory.id_of(3)
        return EntitlementsWorld(
            provider=(await stand.open()).capability("entitlements"),
            user=tenant.directory.upn_of(3),
            user_id=user_id,
            group=group_with_an_address(tenant, 3).id,
            sku="f245ecc8-75af-4f8e-b61f-27d8114de5f3",
            writes=lambda: len(stand.lab.audit),
        )


def test_a_licence_that_comes_in_two_ways_is_the_accounts_own_too() -> None:
    ways = [{"assignedByGroup": "g", "disabledPlans": ["a"]}, {"assignedByGroup": None, "disabledPlans": ["b"]}]
    assert _licence("s", ways, "S").from_groups == ()
    assert _licence("s", ways, "S").disabled_plans == ("b",)
    assert _licence("s", ways[:1], "S").from_groups == ("g",)


async def test_what_is_not_granted_is_said(stand) -> None:
    entitlements: Microsoft365Entitlements = (await stand.open()).capability("entitlements")
    group = next(iter(stand.lab.tenant.groups))
    stand.lab.change_permissions(revoke=["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"])
    with pytest.raises(PermissionMissing):
        await entitlements.remove_membership(sorted(group.props["members"])[0], group.id)
