from __future__ import annotations

from tasks.offboarding.check_hold import CheckHold
from tenantry.capabilities.offboarding import StandingHold
from tenantry.task import NoParams
from tests.tasks.offboarding.hand import Hand, context


async def test_a_hold_is_named() -> None:
    hand = Hand()
    assert not (await CheckHold().read(context(hand), NoParams())).in_force
    hand.standing = [StandingHold(id="1", matter="Doe v. Acme", scope="mail", since="2026-01-01", by="kim")]
    found = await CheckHold().read(context(hand), NoParams())
    assert found.in_force
    assert [(one.matter, one.by) for one in found.holds] == [("Doe v. Acme", "kim")]
