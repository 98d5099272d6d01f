from __future__ import annotations

from collections.abc import Sequence

import pytest

from tasks.workspace.share_drive import ShareDrive
from tenantry.capabilities import DriveGrant, DriveItem
from tenantry.errors import InvalidInput, TargetNotFound
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive, undo
from tests.support.fakes import FakeTenant


class FakeDrives:
    """Alice's drive."""

    def __init__(self, tenant: FakeTenant) -> None:
        self._tenant = tenant
        self.names = ["Documents", "plan.xlsx"]
        self.roles: dict[tuple[str, str], tuple[str, ...]] = {}

    async def items(self, user: str) -> Sequence[DriveItem]:
        if user != "id-alice":
            raise TargetNotFound(f"{user} has no drive")
        return [DriveItem(id=name, drive="d", name=name, raw={}) for name in self.names]

    async def grant(self, item: DriveItem, account_id: str) -> DriveGrant | None:
        held = self.roles.get((item.id, account_id))
        return None if held is None else DriveGrant(id=account_id, roles=held, raw={})

    async def share(self, item: DriveItem, account_id: str, role: str) -> None:
        self.roles[item.id, account_id] = (role,)
        self._tenant.writes.append(("share", item.id, role))

    async def unshare(self, item: DriveItem, grant: DriveGrant) -> None:
        self.roles.pop((item.id, grant.id), None)
        self._tenant.writes.append(("unshare", item.id, grant.id))


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account, manager = tenant.add_account("alice"), tenant.add_account("Mona")
    drives = tenant.more["drives"] = FakeDrives(tenant)
    drives.roles["Documents", "id-other"] = ("write",)
    return {"account": account.upn, "trustee": manager.upn}


def narrowed(tenant: FakeTenant) -> None:
    tenant.more["drives"].roles["plan.xlsx", "id-Mona"] = ("read",)


class TestShareDrive(ContestedEffectContract):
    case = Case(
        task=ShareDrive,
        prepare=prepare,
        writes=[("share", "Documents", "write"), ("share", "plan.xlsx", "write")],
        undo_writes=[("unshare", "Documents", "id-Mona"), ("unshare", "plan.xlsx", "id-Mona")],
        seen=lambda tenant: dict(tenant.more["drives"].roles),
        upsets=narrowed,
    )


async def test_who_may_write_already_is_given_nothing():
    tenant = FakeTenant()
    params = prepare(tenant)
    tenant.more["drives"].roles["Documents", "id-Mona"] = ("owner",)
    [change] = (await drive(tenant, ShareDrive(), params, mode="plan")).changes
    assert "plan.xlsx" in change.path


async def test_who_could_read_can_read_after_the_undo():
    tenant = FakeTenant()
    params = prepare(tenant)
    tenant.more["drives"].roles["Documents", "id-Mona"] = ("read",)
    before = dict(tenant.more["drives"].roles)
    made = await drive(tenant, ShareDrive(), params)
    await undo(tenant, ShareDrive(), params, made.changes)
    assert tenant.more["drives"].roles == before


async def test_an_account_without_a_drive_has_nothing_to_share():
    tenant = FakeTenant()
    params = prepare(tenant)
    done = await drive(tenant, ShareDrive(), {"account": params["trustee"], "trustee": params["account"]})
    assert (done.outcome, tenant.writes) == (Outcome.ALREADY, [])


async def test_nobody_is_given_their_own_drive():
    tenant = FakeTenant()
    params = prepare(tenant)
    with pytest.raises(InvalidInput, match="own drive"):
        await drive(tenant, ShareDrive(), {**params, "trustee": params["account"]})
