from __future__ import annotations

from tasks.checks.host.process_masquerades import ProcessMasquerades
from tests.tasks.checks.host._facts import cannot, found, process, survey

CHECK = ProcessMasquerades()


def test_a_program_in_brackets() -> None:
    running = (process(10, "/usr/bin/sleep", "[kworker/0:1]"), process(11, "/opt/x", "/opt/x", name="kworker/u8:2"))
    assert found(CHECK, survey(processes=running)) == [("high", "10:1"), ("high", "11:1")]


def test_the_kernels_own() -> None:
    running = (
        process(2, "", "", name="kthreadd"),
        process(9, "", "", parent=2, name="kworker/0:1"),
        process(12, "/usr/bin/sleep"),
    )
    assert found(CHECK, survey(processes=running)) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "processes")
