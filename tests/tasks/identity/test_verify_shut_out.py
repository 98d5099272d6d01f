from __future__ import annotations

from typing import Any

import pytest

from tasks.identity.verify_shut_out import VerifyShutOut
from tenantry.errors import NotVerified
from tests.support.fakes import NOW, FakeTenant, sign_in
from tests.support.incident import read

SAID = {"answer": "done", "by": "ann", "at": NOW.isoformat()}


async def shut(**changes: Any) -> FakeTenant:
    tenant = FakeTenant()
    facts: dict[str, Any] = {"enabled": False, "sessions_valid_from": tenant.clock.tick(), **changes}
    tenant.add_account("alice", **facts)
    tenant.clock.tick(60)
    return tenant


async def test_every_point_is_seen() -> None:
    tenant = await shut()
    found = await read(tenant, VerifyShutOut, account="alice@acme.example", patience=0)
    assert found.shut
    assert len(found.proofs) == 3
    assert any("access tokens" in caveat for caveat in found.caveats)


@pytest.mark.parametrize("but", ["blocked", "sessions", "signed in since"])
async def test_one_that_does_not_hold_is_enough(but: str) -> None:
    changes: dict[str, Any] = {"blocked": {"enabled": True}, "sessions": {"sessions_valid_from": None}}.get(but, {})
    tenant = await shut(**changes)
    if but == "signed in since":
        account = tenant.identity.people["id-alice"]
        tenant.identity.sign_in_list = [sign_in(account, tenant.clock.now(), success=True)]
    with pytest.raises(NotVerified):
        await read(tenant, VerifyShutOut, account="alice@acme.example", patience=0)


async def test_a_synced_account_counts_with_a_persons_word_only() -> None:
    tenant = await shut(synced=True)
    with pytest.raises(NotVerified, match="Active Directory"):
        await read(tenant, VerifyShutOut, account="id-alice", patience=0)
    assert (await read(tenant, VerifyShutOut, account="id-alice", on_premises=SAID, patience=0)).shut


async def test_a_plan_never_says_so() -> None:
    assert not (await read(await shut(), VerifyShutOut, mode="plan", account="id-alice", patience=0)).shut
