from __future__ import annotations

import pytest

from tasks.identity.prove_break_glass import ProveBreakGlass
from tenantry.errors import NotVerified
from tests.support.fakes import FakeTenant
from tests.support.incident import read


async def test_one_that_could_be_used_is_enough_and_the_others_are_said() -> None:
    tenant = FakeTenant()
    good, off = tenant.add_account("glass1"), tenant.add_account("glass2", enabled=False, synced=True)
    for account in (good, off):
        tenant.give_role(account, "Global Administrator")
    found = await read(
        tenant, ProveBreakGlass, accounts=["glass1@acme.example", "glass2@acme.example", "gone@acme.example"]
    )
    assert found.usable == ["glass1@acme.example"]
    assert [row.why_not for row in found.accounts][1:] == [
        ["it is disabled", "it is mastered in Active Directory, which may be what is down"],
        ["it is not there"],
    ]
    assert tenant.writes == []


async def test_none_that_could_be_used_is_no_way_in() -> None:
    tenant = FakeTenant()
    tenant.add_account("glass1")
    with pytest.raises(NotVerified, match="no Global Administrator"):
        await read(tenant, ProveBreakGlass, accounts=["glass1@acme.example"])
