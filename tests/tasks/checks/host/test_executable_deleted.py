from __future__ import annotations

from tasks.checks.host.executable_deleted import ExecutableDeleted
from tests.tasks.checks.host._facts import OLD, cannot, found, process, survey

CHECK = ExecutableDeleted()


def test_a_program_whose_file_is_gone() -> None:
    running = (
        process(10, "/dev/shm/.x/k", deleted=True),
        process(11, "/memfd:x", deleted=True),
        process(12, "/opt/app/run", deleted=True),
        process(13, "/opt/app/run", deleted=True, at=OLD),
    )
    assert [severity for severity, _ in found(CHECK, survey(processes=running))] == [
        "critical",
        "high",
        "medium",
        "low",
    ]


def test_after_an_update() -> None:
    running = (
        process(10, "/usr/sbin/sshd", deleted=True),
        process(11, "/usr/bin/sleep"),
        process(12, "/memfd:runc_cloned:/proc/self/exe", deleted=True),
    )
    assert found(CHECK, survey(processes=running, owned=("/usr/sbin/sshd",))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "processes")
