from __future__ import annotations

import ast
import inspect
from pathlib import Path

import tenantry.decisions
import tenantry.run
from tenantry.timeline import Timeline
from tenantry.timeline.events import _SAY, changes_text
from tenantry.timeline.known import Book
from tests.support.sample_run import sample_runbook


def _event_names(source: str) -> set[str]:
    """First arguments of ``Event(…)``, where they are literal."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    named = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Event"]
    return {str(first.value) for first in named if isinstance(first, ast.Constant)}


def test_every_event_that_the_engine_records_has_words() -> None:
    folder = Path(inspect.getfile(tenantry.run)).parent
    recorded = set().union(*(_event_names(path.read_text("utf-8")) for path in folder.glob("*.py")))

    assert {"run.created", "step.intent", "step.outcome"} <= recorded
    assert recorded - set(_SAY) == set()


def test_every_event_that_answers_record_has_words() -> None:
    assert {"approval.decided", "approval.refused"} <= set(_SAY)
    assert "approval.refused" in inspect.getsource(tenantry.decisions)


def test_titles_come_from_the_runbook() -> None:
    book = Book.of(sample_runbook())

    assert book.title("block") == "Block sign-in"
    assert book.title("gone_since") == "Gone since"
    assert Book.of(None).title("block_x") == "Block x"


def test_targets_are_called_as_people_call_them(timeline: Timeline) -> None:
    (event,) = (e for e in timeline.events if e.step == "rules" and e.kind == "changed" and "Invoices" in e.target)
    assert event.target == "rule 'Invoices' (hidden) (anna.berg@acme.example)"


def test_who_answered_and_how_it_was_proven(timeline: Timeline) -> None:
    (event,) = (e for e in timeline.events if e.kind == "approved")
    assert (event.actor, event.title) == ("jon", "Approved: Allow sign-in again. ")
    assert event.detail == "Anna was verified in person; proven by totp"


def test_a_change_reads_before_and_after() -> None:
    assert (
        changes_text([{"path": "account/1/enabled", "before": True, "after": False}]) == "account/1/enabled: yes → no"
    )
    assert changes_text([{"path": "rule/1", "before": {"a": 1}, "after": None}]) == 'rule/1: {"a": 1} → nothing'
