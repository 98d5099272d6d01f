from __future__ import annotations

import pytest

from tasks.offboarding.ask_contact import AskContact, AskContactParams
from tenantry.errors import ApprovalDenied, NotVerified
from tenantry.task import HumanAnswer
from tests.support.fakes import NOW
from tests.tasks.offboarding.hand import Hand, context

ASKED = AskContactParams(contact="jo", question="Do you accept it?", manifest="ab" * 32)


def answered(by: str, answer: str = "agreed") -> None:
    request = AskContact().request(context(Hand()), ASKED)
    AskContact().accept(request, HumanAnswer(answer=answer, by=by, at=NOW, reason="because"))


def test_the_question_names_the_package_and_whose_turn_it_is() -> None:
    request = AskContact().request(context(Hand()), ASKED)
    assert request.owner == "contact jo"
    assert "ab" * 32 in request.question


def test_only_the_contact_themselves_can_answer() -> None:
    answered("contact jo")
    for other in ("sam.eng", "contact eva", "jo"):
        with pytest.raises(NotVerified, match="is not contact jo"):
            answered(other)


def test_their_no_is_no() -> None:
    with pytest.raises(ApprovalDenied, match="because"):
        answered("contact jo", "refused")
