from __future__ import annotations

import pytest

from tasks.identity.read_account import ReadAccount
from tenantry.errors import TargetNotFound
from tests.support.fakes import FakeTenant
from tests.support.incident import read


async def test_facts_roles_and_what_is_left_of_administrators():
    tenant = FakeTenant()
    alice, bob, off = (
        tenant.add_account("alice", synced=True),
        tenant.add_account("bob"),
        tenant.add_account("off", enabled=False),
    )
    for account in (alice, bob, off):
        tenant.give_role(account, "Global Administrator")
    tenant.protected.add("alice@acme.example")
    facts = await read(tenant, ReadAccount, account="Alice@acme.example")
    assert (facts.id, facts.synced, facts.privileged, facts.protected) == ("id-alice", True, True, True)
    assert facts.roles == ["Global Administrator"]
    assert facts.administrators_left == 1
    assert tenant.evidence.rows("step/account/id-alice.jsonl")[0] == alice.raw
    assert tenant.writes == []


async def test_an_ordinary_account():
    tenant = FakeTenant()
    tenant.give_role(tenant.add_account("alice"), "Reports Reader", privileged=False)
    facts = await read(tenant, ReadAccount, account="id-alice")
    assert (facts.privileged, facts.protected, facts.administrators_left) == (False, False, None)


async def test_an_unknown_account_is_an_error():
    with pytest.raises(TargetNotFound):
        await read(FakeTenant(), ReadAccount, account="nobody@acme.example")
