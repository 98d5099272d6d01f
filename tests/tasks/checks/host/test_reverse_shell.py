from __future__ import annotations

from tasks.checks.host.reverse_shell import ReverseShell
from tests.tasks.checks.host._facts import cannot, connection, found, process, survey

CHECK = ReverseShell()


def test_a_shell_that_holds_a_connection() -> None:
    running = (
        process(10, "/usr/bin/bash", "bash", "-i"),
        process(11, "/usr/bin/python3", "python3", "-c", "import socket,pty; pty.spawn('sh')"),
    )
    fact = survey(processes=running, connections=(connection(10, remote="203.0.113.9"),))
    assert found(CHECK, fact) == [("critical", "10:1"), ("high", "11:1")]


def test_shells_of_people() -> None:
    running = (
        process(10, "/usr/sbin/sshd"),
        process(11, "/usr/bin/bash", "-bash"),
        process(12, "/usr/bin/curl", "curl", "https://a.example"),
    )
    calls = (
        connection(10, remote="203.0.113.9"),
        connection(12, remote="203.0.113.9"),
        connection(11, remote="127.0.0.1"),
    )
    assert found(CHECK, survey(processes=running, connections=calls)) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "processes", "connections")
