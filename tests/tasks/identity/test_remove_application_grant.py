from __future__ import annotations

import pytest

from tasks.identity.remove_application_grant import RemoveApplicationGrant
from tenantry.capabilities import ApplicationGrant
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive, undo
from tests.support.fakes import FakeTenant


def grant(id: str, kind: str = "delegated", scope: str = "Mail.Read offline_access", **more) -> ApplicationGrant:
    facts = {
        "account_id": "id-alice",
        "resource_id": "sp-graph",
        "resource": "Graph",
        "created_at": None,
        "raw": {"id": id},
    }
    return ApplicationGrant(id=id, kind=kind, application_id="sp-evil", scope=scope, **{**facts, **more})


def prepare(tenant: FakeTenant) -> dict[str, str]:
    tenant.applications.add("evil")
    tenant.applications.grant_list["sp-evil"] = [grant("theirs"), grant("other", account_id=None)]
    return {"application": "sp-evil", "grant_id": "theirs"}


def granted_something_else(tenant: FakeTenant) -> None:
    tenant.applications.grant_list["sp-evil"].append(grant("since", scope="User.Read"))


class TestRemoveApplicationGrant(ContestedEffectContract):
    case = Case(
        task=RemoveApplicationGrant,
        prepare=prepare,
        writes=[("remove_grant", "theirs", None)],
        undo_writes=[("add_grant", "theirs-again", "Mail.Read offline_access")],
        seen=lambda tenant: sorted((g.account_id or "", g.scope) for g in tenant.applications.grant_list["sp-evil"]),
        upsets=granted_something_else,
        foothold=True,
    )


async def test_a_grant_that_is_gone_counts_as_removed():
    tenant = FakeTenant()
    params = {**prepare(tenant), "grant_id": "gone"}
    assert (await drive(tenant, RemoveApplicationGrant(), params)).outcome is Outcome.ALREADY


@pytest.mark.parametrize("kind", ["role", "assignment"])
async def test_another_role_on_the_same_resource_is_no_conflict(kind):
    tenant = FakeTenant()
    params = prepare(tenant)
    tenant.applications.grant_list["sp-evil"] = [grant("theirs", kind, "Mail.Read"), grant("more", kind, "User.Read")]
    made = await drive(tenant, RemoveApplicationGrant(), params)
    assert await undo(tenant, RemoveApplicationGrant(), params, made.changes)
    assert {g.scope for g in tenant.applications.grant_list["sp-evil"]} == {"Mail.Read", "User.Read"}
