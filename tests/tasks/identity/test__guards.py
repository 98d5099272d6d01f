from __future__ import annotations

import pytest

from tasks.identity._guards import LAST_WAY_IN, account_guards
from tasks.identity.disable_sign_in import DisableSignIn
from tasks.mail.clear_forwarding import ClearForwarding
from tenantry.discovery import TaskRegistry
from tenantry.errors import VendorFault
from tenantry.task import AccountRef, Task
from tests.support.fakes import FakeTenant


async def reasons(tenant: FakeTenant, user: str, task: type[Task] = DisableSignIn) -> list[str]:
    instance = task()
    return await instance.guard(tenant.context(instance), task.Params.model_validate({"account": user}))


async def test_an_ordinary_account_needs_nobody():
    tenant = FakeTenant()
    alice = tenant.add_account("alice")
    tenant.give_role(alice, "Reports Reader", privileged=False)
    assert await reasons(tenant, alice.upn) == []


@pytest.mark.parametrize("named", ["alice@acme.example", "ALICE@ACME.EXAMPLE", "id-alice"])
@pytest.mark.parametrize("asked", ["Alice@acme.example", "id-alice"])
async def test_a_protected_account_asks_however_it_is_named(named, asked):
    tenant = FakeTenant()
    tenant.add_account("alice")
    tenant.protected.add(named)
    (reason,) = await reasons(tenant, asked)
    assert "break-glass or responder" in reason


async def test_a_privileged_account_asks_and_names_the_role():
    tenant = FakeTenant()
    alice = tenant.add_account("alice")
    tenant.give_role(alice, "Exchange Administrator")
    (reason,) = await reasons(tenant, alice.id)
    assert "Exchange Administrator" in reason


async def test_the_last_enabled_global_administrator_is_the_last_way_in():
    tenant = FakeTenant()
    alice, bob = tenant.add_account("alice"), tenant.add_account("bob", enabled=False)
    for account in (alice, bob):
        tenant.give_role(account, LAST_WAY_IN)
    assert any("last way in" in reason for reason in await reasons(tenant, alice.id))


async def test_with_another_enabled_one_it_is_only_privileged():
    tenant = FakeTenant()
    alice, bob = tenant.add_account("alice"), tenant.add_account("bob")
    for account in (alice, bob):
        tenant.give_role(account, LAST_WAY_IN)
    assert not any("last way in" in reason for reason in await reasons(tenant, alice.id))


async def test_roles_that_cannot_be_read_are_not_no_roles():
    tenant = FakeTenant()
    alice = tenant.add_account("alice")

    async def fails(user: str):
        raise VendorFault("the vendor is ill")

    tenant.identity.roles = fails
    with pytest.raises(VendorFault):
        await account_guards(tenant.context(DisableSignIn()), alice.id)


async def test_effects_on_a_mailbox_ask_for_protected_accounts_only():
    tenant = FakeTenant()
    alice = tenant.add_account("alice")
    tenant.give_role(alice, LAST_WAY_IN)
    assert await reasons(tenant, alice.id, ClearForwarding) == []
    tenant.protected.add(alice.id)
    assert len(await reasons(tenant, alice.id, ClearForwarding)) == 1


def test_every_effect_on_an_account_has_a_guard():
    """A task that changes something of an account and forgot its guard fails here."""
    for task in TaskRegistry.discover(entry_points=False):
        if not issubclass(task, Task):
            continue
        names_account = any(
            str(field.json_schema_extra) == str(AccountRef.__metadata__[0].json_schema_extra)
            for field in task.Params.model_fields.values()
        )
        assert not names_account or task.guard is not Task.guard, task.name
