from __future__ import annotations

import pytest

from tasks.identity.remove_method import RemoveMethod
from tenantry.capabilities import AuthMethod
from tenantry.errors import StepError
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant


def method(id: str, kind: str = "microsoftAuthenticatorMethods") -> AuthMethod:
    return AuthMethod(id=id, kind=kind, label=f"phone {id}", created_at=None, raw={})


def prepare(tenant: FakeTenant) -> dict[str, str]:
    for name in ("alice", "bob"):
        account = tenant.add_account(name)
        tenant.identity.method_list[account.id] = [method("theirs"), method("own"), method("pw", "passwordMethods")]
    return {"account": "alice@acme.example", "method_id": "theirs"}


class TestRemoveMethod(EffectContract):
    case = Case(
        task=RemoveMethod,
        prepare=prepare,
        writes=[("remove_method", "id-alice/theirs", "microsoftAuthenticatorMethods")],
        undo_writes=None,
        foothold=True,
    )


async def test_the_others_stay():
    tenant = FakeTenant()
    await drive(tenant, RemoveMethod(), prepare(tenant))
    assert [m.id for m in tenant.identity.method_list["id-alice"]] == ["own", "pw"]
    assert [m.id for m in tenant.identity.method_list["id-bob"]] == ["theirs", "own", "pw"]


async def test_a_plan_tells_apart_the_same_id_of_two_accounts():
    """Telephones have the same id in every account."""
    tenant = FakeTenant()
    params = prepare(tenant)
    planned = {c.path: c.after for c in (await drive(tenant, RemoveMethod(), params, mode="plan")).changes}
    other = {**params, "account": "bob@acme.example"}
    assert (await drive(tenant, RemoveMethod(), other, mode="plan", planned=planned)).changes


async def test_a_password_is_no_method_to_remove():
    tenant = FakeTenant()
    with pytest.raises(StepError):
        await drive(tenant, RemoveMethod(), {**prepare(tenant), "method_id": "pw"})
    assert tenant.writes == []
