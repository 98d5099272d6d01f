"""A streamed timeline is the same as one that is built in memory, event for event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.clock import rfc3339
from tenantry.errors import NotFound
from tenantry.journal import Event
from tenantry.timeline import FORMATS, Lane, Timeline, stream
from tests.support.sample_run import RUN, TENANT, Recorder, Sample, attacks, sample_run, timeline_of

FLOW = ("business_email_compromise", "1.0.0")


def streamed(sample: Sample) -> Timeline:
    return stream(sample.journal, sample.run_id, runbook=lambda run_id, text: sample.runbook)


def same(sample: Sample) -> Timeline:
    made = streamed(sample)
    assert list(made.events) == list(timeline_of(sample).events)
    return made


@pytest.mark.parametrize("how", [{}, {"unfinished": True}, {"spray": 150}, {"hostile": "\u202e<b>\n"}], ids=str)
def test_the_same_events_in_the_same_order(tmp_path: Path, how: dict[str, Any]) -> None:
    sample = sample_run(tmp_path, **how)
    made, built = same(sample), timeline_of(sample)
    assert {event.lane for event in made.events} == set(Lane)
    for name in ("run_id", "tenant", "runbook", "version", "title", "subject", "severity", "started_at", "ended_at"):
        assert getattr(made, name) == getattr(built, name)
    assert made.record.last_leaf == built.record.last_leaf
    assert made.record.entries == built.record.entries


@pytest.mark.parametrize("name", [name for name, format in FORMATS.items() if format.rows])
def test_the_same_bytes(tmp_path: Path, name: str) -> None:
    sample = sample_run(tmp_path, spray=20)
    one, two = BytesIO(), BytesIO()
    assert FORMATS[name].export(streamed(sample), one) == FORMATS[name].export(timeline_of(sample), two)
    assert one.getvalue() == two.getvalue()


def test_formats_that_need_more_are_not_rows() -> None:
    assert [name for name, format in FORMATS.items() if not format.rows] == ["html", "pdf", "md", "stix", "ocsf"]


def test_events_can_be_gone_through_again(tmp_path: Path) -> None:
    made = streamed(sample_run(tmp_path))
    assert list(made.events) == list(made.events)


def test_a_clock_that_stepped_back(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    put = Recorder(sample.journal, sample.clock, RUN)
    put.attempt = 2
    put.begin("worker-3", after=60)
    put.effect("forwarding", "mailbox/c902/forwarding", "x@evil.example", None)
    sample.clock.after(-600)
    put.effect("enable", "account/b7d4/enabled", False, True)
    put.outcome("clocks", "observed", output={"attacker_events": list(attacks())[3:5]})
    sample.clock.after(700)
    put.effect("enable", "account/c902/enabled", False, True)
    made = same(sample)
    assert "clock_stepped_back" in {event.kind for event in made.events}
    times = [event.at for event in made.events]
    assert times == sorted(times)


def test_freezes_meanwhile_and_what_belongs_to_others(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    sample.journal.freeze(TENANT, "mira", "client asked")
    other = Recorder(sample.journal, sample.clock, "ffffffffffffffff")
    other.put("note", {"text": "of another run", "by": "jon", "at": rfc3339(sample.clock.at)}, after=1)
    sample.clock.after(5)
    sample.journal.freeze("*", "jon", "everything")
    sample.journal.append(TENANT, [Event("vault.read", {"name": "x"})])
    sample.clock.after(5)
    sample.journal.unfreeze(TENANT, "mira")
    put = Recorder(sample.journal, sample.clock, RUN)
    put.put("run.ended", {"status": "cancelled"}, outcome="cancelled", after=1)
    made = same(sample)
    assert [event.kind for event in made.events][-4:] == ["frozen", "frozen", "unfrozen", "ended"]
    assert not any("another run" in event.title for event in made.events)


def test_erased_payloads(tmp_path: Path) -> None:
    sample = sample_run(tmp_path)
    gone = ("run.created", "note", "approval.requested", "step.expanded")
    ids = [record.entry.id for record in sample.records if record.event in gone]
    sample.journal.erase(TENANT, ids, by="jon", reason="asked for")
    made = streamed(sample)
    assert sum(event.kind == "erased" for event in made.events) == made.record.erased == len(ids)
    assert (made.tenant, made.runbook, made.version) == (TENANT, "business_email_compromise", "1.0.0")


def test_what_is_written_after_the_first_reading_is_not_half_there(tmp_path: Path) -> None:
    sample = sample_run(tmp_path, unfinished=True)
    made = streamed(sample)
    before = list(made.events)
    Recorder(sample.journal, sample.clock, RUN).put("run.ended", {}, outcome="cancelled", after=1)
    assert list(made.events) == before


def test_a_run_that_is_none(tmp_path: Path) -> None:
    sample = sample_run(tmp_path)
    with pytest.raises(NotFound):
        stream(sample.journal, "0" * 16, runbook=lambda run_id, text: None)


def _steps() -> Iterator[st.SearchStrategy[tuple[str, int]]]:
    for kind in ("effect", "note", "acts", "resume", "back", "ask"):
        yield st.tuples(st.just(kind), st.integers(-90, 4_000))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(*_steps()), max_size=14))
def test_whatever_is_recorded(tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, int]]) -> None:
    sample = sample_run(tmp_path_factory.mktemp("run"), unfinished=True)
    put = Recorder(sample.journal, sample.clock, RUN)
    put.attempt = 2
    for number, (kind, amount) in enumerate(story):
        if kind == "effect":
            put.effect("forwarding", f"p/{number}", amount, None, item=f"i{number}", took=abs(amount) / 1000)
        elif kind == "note":
            at = sample.clock.at - timedelta(minutes=amount)
            put.put("note", {"text": f"n{number}", "by": "jon", "at": rfc3339(at)}, after=0.5)
        elif kind == "acts":
            acts = [{**act, "source_id": f"{number}"} for act in list(attacks())[: abs(amount) % 4]]
            put.outcome("artifacts", "observed", output={"attacker_events": acts})
        elif kind == "resume":
            put.begin(f"worker-{number}", after=abs(amount) / 100)
        elif kind == "back":
            sample.clock.after(-abs(amount) / 50)
        else:
            key = put.ask("enable", f"Question {number}", role="approver")
            put.answer("enable", key, "jon", after=abs(amount) / 100)
    same(sample)
