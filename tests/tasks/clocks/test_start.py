from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tasks.clocks.start import Start
from tenantry.errors import NotFound, StepError
from tests.support.fakes import NOW, FakeTenant
from tests.support.incident import read


def tenant(**subject) -> FakeTenant:
    made = FakeTenant()
    made.subject |= {"regimes": ["gdpr"], "agreement": {"notice_period_hours": 24}, **subject}
    return made


def answer(value: str = "yes", at: datetime = NOW):
    return {"answer": value, "by": "ann", "at": at.isoformat(), "reason": "customer list was read"}


async def test_clocks_run_from_the_persons_answer():
    found = await read(tenant(), Start, determination=answer(), about=["personal_data"])
    clock = next(clock for clock in found.clocks if clock.name == "gdpr-authority")
    assert (clock.started_at, clock.due_at, clock.stopped_at) == (NOW, NOW + timedelta(hours=72), None)
    assert clock.determined_by == "ann"
    assert "Article 33" in clock.source


async def test_after_a_no_none_runs():
    found = await read(tenant(), Start, determination=answer("no"), about=["personal_data"])
    assert (found.determined, found.clocks) == (False, [])
    assert found.not_running == ["gdpr: determined no"]


async def test_only_what_was_determined_starts():
    found = await read(tenant(regimes=["gdpr", "nis2"]), Start, determination=answer(), about=["significant_incident"])
    assert {clock.name for clock in found.clocks} == {"nis2-early-warning", "nis2-notification", "nis2-final-report"}
    assert any(line.startswith("gdpr:") for line in found.not_running)


async def test_the_agreement_and_the_insurer_start_with_the_incident():
    subject = {"insurer": {"name": "Safe Ltd", "policy": "P-1", "notice_period_hours": 48}}
    found = await read(tenant(**subject), Start, determination=answer(), about=["incident"])
    assert {clock.name: clock.due_at for clock in found.clocks} == {
        "contract-notice": NOW + timedelta(hours=24),
        "insurer-notice": NOW + timedelta(hours=48),
    }


async def test_a_notice_period_that_nobody_wrote_down_is_named():
    found = await read(tenant(agreement={}, insurer=None), Start, determination=answer(), about=["incident"])
    assert [line.split(":")[0] for line in found.not_running if "notice" in line] == [
        "contract-notice",
        "insurer-notice",
    ]


async def test_contract_and_insurer_may_stand_among_the_regimes():
    found = await read(tenant(regimes=["contract", "insurer"]), Start, determination=answer(), about=["incident"])
    assert [clock.name for clock in found.clocks] == ["contract-notice"]


async def test_a_regime_without_a_file_stops_instead_of_never_running():
    with pytest.raises(NotFound):
        await read(tenant(regimes=["atlantis"]), Start, determination=answer(), about=["personal_data"])


async def test_an_answer_that_is_neither_yes_nor_no_starts_nothing():
    with pytest.raises(StepError):
        await read(tenant(), Start, determination=answer("done"), about=["personal_data"])
