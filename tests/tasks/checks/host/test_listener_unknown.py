from __future__ import annotations

from tasks.checks.host.listener_unknown import ListenerUnknown
from tests.tasks.checks.host._facts import cannot, connection, found, process, survey

CHECK = ListenerUnknown()


def test_what_should_not_wait() -> None:
    running = (process(10, "/dev/shm/.x/k"), process(11, "/usr/bin/nc.openbsd"), process(12, "/usr/bin/x"))
    waits = (connection(10), connection(11), connection(12), connection(12, local="127.0.0.1:9"))
    fact = survey(processes=running, connections=waits, owned=("/usr/bin/nc.openbsd",))
    assert [severity for severity, _ in found(CHECK, fact)] == ["critical", "high", "medium", "low"]


def test_services_of_packages_and_of_administrators() -> None:
    running = (process(10, "/usr/sbin/sshd"), process(11, "/opt/exporter/exporter"), process(12, "/usr/bin/nc"))
    waits = (connection(10), connection(11), connection(12, remote="203.0.113.9"), connection(99))
    assert found(CHECK, survey(processes=running, connections=waits, owned=("/usr/sbin/sshd",))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "connections", "processes")
