from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from tasks.human.confirm import Confirm
from tenantry.task import HumanAnswer
from tests.support.fakes import NOW, FakeTenant


def ask(**params):
    task = Confirm()
    return task, task.request(FakeTenant().context(task), task.Params.model_validate(params))


def test_asks_what_the_runbook_says():
    _, request = ask(question="Is it so?", role="lead", expires_in="4h", four_eyes=True)
    assert (request.question, request.role, request.four_eyes) == ("Is it so?", "lead", True)
    assert request.expires_in == timedelta(hours=4)
    assert (request.yes, request.no) == ("yes", "no")


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_both_answers_are_fine(answer):
    task, request = ask(question="Is it so?")
    task.accept(request, HumanAnswer(answer=answer, by="ann", at=NOW))


def test_what_it_is_about_is_shown_below_and_cannot_forge_lines():
    _, request = ask(question="Whose are these?", about=["rule '.'", "line\nbreak\u202e\x07", "x" * 1000])
    first, *lines = request.question.splitlines()
    assert first == "Whose are these?"
    assert lines[:2] == ["- rule '.'", "- line break"]
    assert len(lines[2]) <= 302


def test_a_long_list_is_counted_not_dropped():
    _, request = ask(question="Whose?", about=[str(n) for n in range(100)])
    assert request.question.splitlines()[-1] == "- and 70 more, in the step's record"


@pytest.mark.parametrize("bad", [{"role": "king"}, {"expires_in": "soon"}, {"expires_in": "0s"}, {"question": ""}])
def test_refuses_what_cannot_be_asked(bad):
    with pytest.raises(ValidationError):
        ask(**{"question": "Is it so?", **bad})
