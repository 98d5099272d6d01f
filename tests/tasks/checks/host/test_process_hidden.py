from __future__ import annotations

from tasks.checks.host.process_hidden import ProcessHidden
from tests.tasks.checks.host._facts import cannot, found, survey

CHECK = ProcessHidden()


def test_a_process_in_no_list() -> None:
    assert found(CHECK, survey(hidden=(4242,))) == [("critical", "pid 4242")]


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "hidden")
