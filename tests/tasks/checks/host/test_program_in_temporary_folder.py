from __future__ import annotations

from tasks.checks.host.program_in_temporary_folder import ProgramInTemporaryFolder
from tests.tasks.checks.host._facts import cannot, found, process, survey

CHECK = ProgramInTemporaryFolder()


def test_out_of_a_folder_for_everybody() -> None:
    running = (
        process(10, "/tmp/x"),
        process(11, "/usr/bin/python3.11", "python3", "/dev/shm/a.py"),
        process(12, "/var/lib/.x/k"),
    )
    assert found(CHECK, survey(processes=running)) == [("high", "10:1"), ("medium", "11:1"), ("high", "12:1")]


def test_what_unpacks_itself_and_what_works_there() -> None:
    running = (
        process(10, "/tmp/.mount_Obsidi3/obsidian"),
        process(11, "/usr/bin/vim", "vim", "/tmp/notes"),
        process(12, "/opt/x"),
    )
    assert found(CHECK, survey(processes=running)) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "processes")
