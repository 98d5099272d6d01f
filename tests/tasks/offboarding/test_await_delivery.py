from __future__ import annotations

import pytest

from tasks.offboarding.await_delivery import AwaitDelivery, AwaitDeliveryParams
from tenantry.errors import StepError
from tenantry.task import HumanAnswer
from tests.support.fakes import NOW
from tests.tasks.offboarding.hand import Hand, context


def test_it_says_how_and_a_no_is_a_failure() -> None:
    task = AwaitDelivery()
    request = task.request(context(Hand()), AwaitDeliveryParams(place="s3://theirs"))
    assert "tenantry offboarding deliver run-1" in request.question
    task.accept(request, HumanAnswer(answer="delivered", by="delivery", at=NOW))
    with pytest.raises(StepError, match="could not be delivered"):
        task.accept(request, HumanAnswer(answer="could not be delivered", by="sam", at=NOW))
