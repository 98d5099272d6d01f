from __future__ import annotations

import pytest

from tasks.onboarding.prove_contact import ProveContact, ProveContactParams
from tenantry.capabilities.onboarding import VerifiedContact
from tenantry.errors import NotVerified
from tests.support.fakes import NOW
from tests.tasks.onboarding.hand import Hand, context

P = ProveContactParams(contact="jo")


def given(shown: bool) -> Hand:
    hand = Hand()
    hand.verified = (VerifiedContact(contact="jo", enrolled_at=NOW, verified_at=NOW if shown else None),)
    return hand


async def test_whoever_has_shown_the_code_has_it() -> None:
    assert (await ProveContact().read(context(given(True)), P)).verified_at is not None


@pytest.mark.parametrize(("hand", "why"), [(given(False), "has not shown"), (Hand(), "has no code")])
async def test_a_code_that_was_given_is_no_proof(hand: Hand, why: str) -> None:
    with pytest.raises(NotVerified, match=why):
        await ProveContact().read(context(hand), P)
    assert (await ProveContact().read(context(hand, "plan"), P)).verified_at is None
