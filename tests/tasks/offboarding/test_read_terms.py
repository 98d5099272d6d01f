from __future__ import annotations

import pytest

from tasks.offboarding.read_terms import ReadTerms
from tenantry.errors import InvalidTenant
from tenantry.task import NoParams
from tests.tasks.offboarding.hand import TERMS, Hand, context


async def test_what_was_agreed_is_read() -> None:
    found = await ReadTerms().read(context(Hand()), NoParams())
    assert (found.choice, found.hands_over, found.contact, found.place) == (
        "return_then_delete",
        True,
        "jo",
        "s3://theirs",
    )
    assert any("Invoices (AO 147, until 2036-12-31)" in line for line in found.summary)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"choice": None}, "does not say what becomes"),
        ({"contact": ""}, "no contact who decides"),
        ({"enrolled": False}, "has no code"),
        ({"place": ""}, "where the client's data goes"),
    ],
)
async def test_nobody_assumes_what_was_not_agreed(more: dict[str, object], why: str) -> None:
    hand = Hand()
    hand.said = TERMS.model_copy(update=more)
    with pytest.raises(InvalidTenant, match=why):
        await ReadTerms().read(context(hand), NoParams())


async def test_who_only_wants_it_deleted_needs_no_place() -> None:
    hand = Hand()
    hand.said = TERMS.model_copy(update={"choice": "delete", "place": ""})
    assert not (await ReadTerms().read(context(hand), NoParams())).hands_over
