"""An account with groups and licences, in a fake."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry.capabilities import Licence, Membership
from tests.support.fakes import FakeTenant

PLAN = "57ff2da0-773e-42df-b2af-ffb7a2317929"


class FakeEntitlements:
    def __init__(self, tenant: FakeTenant) -> None:
        self._tenant = tenant
        self.groups: dict[str, Membership] = {}
        self.held: dict[str, Licence] = {}

    async def memberships(self, user: str) -> Sequence[Membership]:
        return list(self.groups.values())

    async def remove_membership(self, user_id: str, group_id: str) -> None:
        self.groups.pop(group_id, None)
        self._tenant.writes.append(("remove_membership", f"{user_id}/{group_id}", None))

    async def add_membership(self, user_id: str, group_id: str) -> None:
        self.groups[group_id] = group(group_id)
        self._tenant.writes.append(("add_membership", f"{user_id}/{group_id}", None))

    async def licences(self, user: str) -> Sequence[Licence]:
        return list(self.held.values())

    async def remove_licence(self, user_id: str, sku: str) -> None:
        self.held.pop(sku, None)
        self._tenant.writes.append(("remove_licence", f"{user_id}/{sku}", None))

    async def add_licence(self, user_id: str, sku: str, disabled_plans: Sequence[str]) -> None:
        self.held[sku] = licence(sku, tuple(disabled_plans))
        self._tenant.writes.append(("add_licence", f"{user_id}/{sku}", tuple(disabled_plans)))


def group(id: str, fixed: str | None = None) -> Membership:
    return Membership(group_id=id, name=id.title(), fixed=fixed, raw={"id": id})


def licence(sku: str, plans: tuple[str, ...] = (PLAN,), through: tuple[str, ...] = ()) -> Licence:
    return Licence(sku=sku, name=sku.upper(), disabled_plans=plans, from_groups=through, raw={"sku": sku})


def entitled(tenant: FakeTenant) -> FakeEntitlements:
    tenant.add_account("alice")
    made = FakeEntitlements(tenant)
    made.groups = {
        one.group_id: one for one in (group("finance"), group("sales"), group("everybody", "a rule decides"))
    }
    made.held = {one.sku: one for one in (licence("e3"), licence("visio", through=("finance",)))}
    tenant.more["entitlements"] = made
    return made
