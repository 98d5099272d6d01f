from __future__ import annotations

from collections.abc import Sequence

from tasks.workspace.end_sharing import EndSharing
from tenantry.capabilities import DriveGrant, DriveItem, DriveShare
from tenantry.errors import TargetNotFound
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant


class FakeDrives:
    """Alice's drive: a link in a folder, and a file that Bob may change."""

    def __init__(self, tenant: FakeTenant) -> None:
        self._tenant = tenant
        self.given = [("Documents/offer.docx", "1", (), "anonymous"), ("plan.xlsx", "2", ("bob@acme.example",), "")]

    async def shares(self, user: str) -> Sequence[DriveShare]:
        if user != "id-alice":
            raise TargetNotFound(f"{user} has no drive")
        return [
            DriveShare(
                item=DriveItem(id=path, drive="d", name=path, raw={}),
                path=path,
                grant=DriveGrant(id=id, roles=("write",), raw={"link": {"webUrl": "https://secret.example"}}),
                to=to,
                link=link,
            )
            for path, id, to, link in self.given
        ]

    async def unshare(self, item: DriveItem, grant: DriveGrant) -> None:
        self.given = [one for one in self.given if one[1] != grant.id]
        self._tenant.writes.append(("unshare", item.id, grant.id))


def prepare(tenant: FakeTenant) -> dict[str, str]:
    tenant.more["drives"] = FakeDrives(tenant)
    return {"account": tenant.add_account("alice").upn}


class TestEndSharing(EffectContract):
    case = Case(
        task=EndSharing,
        prepare=prepare,
        writes=[("unshare", "Documents/offer.docx", "1"), ("unshare", "plan.xlsx", "2")],
        undo_writes=None,
    )


async def test_it_is_listed_what_was_shared_with_whom_and_no_link():
    tenant = FakeTenant()
    done = await drive(tenant, EndSharing(), prepare(tenant), mode="plan")
    assert [change.before for change in done.changes] == [
        {"file": "Documents/offer.docx", "to": [], "link": "anonymous", "roles": ["write"]},
        {"file": "plan.xlsx", "to": ["bob@acme.example"], "link": None, "roles": ["write"]},
    ]
    assert "secret.example" not in str(done.changes)


async def test_an_account_without_a_drive_shares_nothing():
    tenant = FakeTenant()
    prepare(tenant)
    done = await drive(tenant, EndSharing(), {"account": tenant.add_account("bob").upn})
    assert (done.outcome, tenant.writes) == (Outcome.ALREADY, [])
