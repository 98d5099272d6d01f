from __future__ import annotations

import pytest

from tasks.identity.remove_consent import RemoveConsent
from tenantry.capabilities import Consent
from tenantry.errors import Conflict
from tests.support.effects import Case, ContestedEffectContract, drive, undo
from tests.support.fakes import FakeTenant


def consent(id: str, scope: str = "Mail.ReadWrite offline_access", **changes) -> Consent:
    facts = {
        "id": id,
        "kind": "delegated",
        "account_id": "id-alice",
        "app_id": f"app-{id}",
        "app_name": id,
        "app_verified": False,
        "resource_id": "graph",
        "scope": scope,
        "created_at": None,
        "raw": {"clientId": f"sp-{id}"},
    }
    return Consent(**{**facts, **changes})


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account = tenant.add_account("alice")
    tenant.identity.consent_list[account.id] = [consent("theirs"), consent("own", "User.Read")]
    return {"account": account.id, "consent_id": "theirs"}


def other_scope(tenant: FakeTenant) -> None:
    tenant.identity.consent_list["id-alice"].append(consent("since", "User.Read", app_id="app-theirs"))


class TestRemoveConsent(ContestedEffectContract):
    case = Case(
        task=RemoveConsent,
        prepare=prepare,
        writes=[("remove_consent", "theirs", None)],
        undo_writes=[("add_consent", "theirs-again", "Mail.ReadWrite offline_access")],
        seen=lambda tenant: sorted((c.app_id, c.scope) for c in tenant.identity.consent_list["id-alice"]),
        upsets=other_scope,
        foothold=True,
    )


async def test_the_others_stay():
    tenant = FakeTenant()
    await drive(tenant, RemoveConsent(), prepare(tenant))
    assert [c.id for c in tenant.identity.consent_list["id-alice"]] == ["own"]


async def test_two_roles_of_one_application_are_two_grants():
    tenant = FakeTenant()
    account = tenant.add_account("alice")
    same = {"kind": "application", "app_id": "app", "resource_id": "app"}
    tenant.identity.consent_list[account.id] = [consent("one", "Reader", **same), consent("two", "Writer", **same)]
    params = {"account": account.id, "consent_id": "one"}
    made = await drive(tenant, RemoveConsent(), params)
    assert await undo(tenant, RemoveConsent(), params, made.changes)
    assert {c.scope for c in tenant.identity.consent_list[account.id]} == {"Reader", "Writer"}


async def test_granted_again_with_more_is_a_conflict():
    tenant = FakeTenant()
    params = prepare(tenant)
    made = await drive(tenant, RemoveConsent(), params)
    tenant.identity.consent_list["id-alice"].append(consent("more", "Mail.Read", app_id="app-theirs"))
    with pytest.raises(Conflict):
        await undo(tenant, RemoveConsent(), params, made.changes)
