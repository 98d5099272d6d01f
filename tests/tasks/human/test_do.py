from __future__ import annotations

import pytest

from tasks.human.do import Do
from tenantry.errors import StepError
from tenantry.task import HumanAnswer
from tests.support.fakes import NOW, FakeTenant


def ask(**params):
    task = Do()
    return task, task.request(FakeTenant().context(task), task.Params.model_validate(params))


def test_done_is_fine():
    task, request = ask(instruction="Call them.", about=["alice@acme.example"])
    assert request.question == "Call them.\n- alice@acme.example"
    task.accept(request, HumanAnswer(answer=request.yes, by="ann", at=NOW, reason="called"))


def test_could_not_be_done_is_a_failure():
    task, request = ask(instruction="Call them.")
    with pytest.raises(StepError):
        task.accept(request, HumanAnswer(answer=request.no, by="ann", at=NOW))
