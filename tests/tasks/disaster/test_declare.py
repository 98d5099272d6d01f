from __future__ import annotations

import pytest

from tasks.disaster.declare import Declare
from tenantry.errors import StepError
from tenantry.task import HumanAnswer
from tests.support.fakes import NOW, FakeTenant


def ask(**params):
    task = Declare()
    return task, task.request(FakeTenant().context(task), task.Params.model_validate({"only": ["ann"], **params}))


@pytest.mark.parametrize(
    ("verb", "said"), [("disaster", "disaster"), ("failback", "failback"), ("service", "service is back")]
)
def test_asks_those_whom_the_plan_names_alone(verb, said):
    _, request = ask(verb=verb, about=["DOWN db"])
    assert request.only == ("ann",)
    assert said in request.question
    assert request.question.splitlines()[1] == "- DOWN db"
    assert request.remind_after


def test_a_no_begins_nothing():
    task, request = ask()
    task.accept(request, HumanAnswer(answer=request.yes, by="ann", at=NOW))
    with pytest.raises(StepError, match="ann did not declare"):
        task.accept(request, HumanAnswer(answer=request.no, by="ann", at=NOW))
