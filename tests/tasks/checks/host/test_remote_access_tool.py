from __future__ import annotations

from tasks.checks.host.remote_access_tool import RemoteAccessTool
from tenantry.sweep.check import Known
from tests.tasks.checks.host._facts import cannot, connection, found, process, put, survey

CHECK = RemoteAccessTool()


def test_a_tool_that_is_not_ours() -> None:
    running = (process(10, "/opt/anydesk/anydesk"), process(11, "/tmp/.x/ngrok", "ngrok", "tcp", "22"))
    unit = put("unit", "/etc/systemd/system/rustdesk.service")
    fact = survey(processes=running, files=(unit,), packages=("tailscale", "coreutils"), connections=(connection(10),))
    assert found(CHECK, fact) == [
        ("high", "anydesk"),
        ("critical", "ngrok"),
        ("medium", "rustdesk"),
        ("medium", "tailscale"),
    ]


def test_ours_and_names_that_are_alike() -> None:
    running = (process(10, "/opt/mesh/meshagent"), process(11, "/usr/bin/latexmk"), process(12, "/usr/bin/teamspeak"))
    fact = survey(processes=running, packages=("meshagent", "frozen-bubble", "ghost", "level-zero"))
    assert found(CHECK, fact, Known(tools=frozenset({"meshcentral"}))) == []
    moved = survey(processes=(process(10, "/dev/shm/meshagent"),))
    assert found(CHECK, moved, Known(tools=frozenset({"meshcentral"}))) == [("critical", "meshcentral")]


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "processes", "files", "packages")
