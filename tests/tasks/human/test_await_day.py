"""Waiting for a day: it goes on by itself, at once when somebody says so, and not at all when somebody calls it off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tasks.human.await_day import AwaitDay, AwaitDayParams
from tenantry.errors import StepError
from tenantry.task import HumanAnswer
from tests.support.fakes import NOW, FakeTenant


def ask(after: timedelta):
    task = AwaitDay()
    return task, task.request(FakeTenant().context(task), AwaitDayParams(at=NOW + after))


def test_it_waits_until_then_and_goes_on_by_itself():
    task, request = ask(timedelta(days=9))
    assert request.expires_in == timedelta(days=9)
    task.accept(request, HumanAnswer(answer=str(request.silence), by="nobody", at=NOW))
    task.accept(request, HumanAnswer(answer=request.yes, by="ann", at=NOW))


def test_a_day_that_is_past_is_now():
    assert ask(timedelta(days=-9))[1].expires_in == timedelta(seconds=1)


def test_who_calls_it_off_stops_it():
    task, request = ask(timedelta(days=9))
    with pytest.raises(StepError, match="called it off: she stays"):
        task.accept(request, HumanAnswer(answer=request.no, by="ann", at=NOW, reason="she stays"))
