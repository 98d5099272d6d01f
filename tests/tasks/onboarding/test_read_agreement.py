from __future__ import annotations

from typing import Any

import pytest

from tasks.onboarding.read_agreement import ReadAgreement
from tenantry.task import NoParams
from tests.tasks.onboarding.hand import SUBJECT, Hand, context


async def read(hand: Hand, subject: Any = SUBJECT) -> Any:
    return await ReadAgreement().read(context(hand, subject=subject), NoParams())


async def test_what_was_agreed_and_that_nothing_is_lacking() -> None:
    found = await read(Hand())
    assert found.lacking == []
    assert "in scope: mail" in found.summary
    assert "high: taken within 30 min, contained within 60 min" in found.summary
    assert "insurer: Sure, requires MFA" in found.summary
    assert (found.document, found.document_sha256, found.recorded) == ("a.pdf", "a" * 64, False)


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ({"insurer": None}, ["insurer: none, or not known"]),
        ({"regimes": []}, ["regimes"]),
        ({"agreement": {**SUBJECT["agreement"], "sla": {}}}, ["agreement.sla"]),
        (
            {"contacts": SUBJECT["contacts"][:1]},
            ["contacts: nobody (executive, legal, privacy) decides on notification"],
        ),
        ({"response_team": SUBJECT["response_team"][1:]}, ["response_team: nobody is incident_commander"]),
    ],
)
async def test_what_an_agreement_lacks_is_named(without: dict[str, Any], said: list[str]) -> None:
    assert (await read(Hand(), {**SUBJECT, **without})).lacking == said


async def test_the_same_text_is_known_and_another_is_not() -> None:
    hand = Hand()
    hand.agreements.append({"digest": (await read(hand)).digest, "by": "kim"})
    found = await read(hand)
    assert (found.recorded, found.recorded_by) == (True, "kim")
    changed = await read(hand, {**SUBJECT, "regimes": ["gdpr", "nis2"]})
    assert (changed.recorded, changed.recorded_by) == (False, None)


async def test_how_we_work_there_is_no_part_of_what_was_agreed() -> None:
    one, two = await read(Hand()), await read(Hand(), {**SUBJECT, "sweep": {"every_hours": 24}})
    assert one.digest == two.digest
