"""The question, and what its answers mean; `tests/tenantry/run/test_arrival.py` has a run that waits."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.vault.expect_credentials import ExpectCredentials
from tenantry.errors import StepError
from tenantry.task import HumanAnswer
from tests.support.fakes import NOW, FakeTenant


def ask(**params):
    task = ExpectCredentials()
    return task, task.request(FakeTenant().context(task), task.Params.model_validate(params))


def test_the_question_names_what_is_expected_and_how_to_make_the_link():
    _, request = ask(contact="jo", expect=[{"name": "m365/secret", "title": "Secret‮ of the app\n"}, {"name": "cert"}])
    assert "vault drop --run" in request.question
    assert request.question.endswith("\n- Secret of the app\n- cert")
    assert request.role == "engineer"


def test_nothing_expected_is_no_question():
    for wrong in ([], [{"name": "a", "kind": "retina"}], [{"name": ""}]):
        with pytest.raises(ValidationError):
            ask(contact="jo", expect=wrong)


def test_received_is_fine_and_not_to_be_had_is_a_failure():
    task, request = ask(contact="jo", expect=[{"name": "cert"}])
    task.accept(request, HumanAnswer(answer=request.yes, by="contact jo", at=NOW))
    with pytest.raises(StepError):
        task.accept(request, HumanAnswer(answer=request.no, by="ann", at=NOW))
