"""`tenantry doctor` on the command line."""

from __future__ import annotations

import json
import os
import socket

import pytest

from console.commands import doctor as module
from tenantry.journal.lease import this_process
from tests.console.desk import Desk


def rows(desk: Desk, code: int | None = None) -> dict[str, dict[str, str]]:
    result = desk("doctor", "--json")
    assert result.exit_code in ((0, 1) if code is None else (code,)), result.output
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    return {row["check"]: row for row in document["checks"]}


def test_an_installation(stand: Desk) -> None:
    found = rows(stand)
    assert found["keys"]["status"] == "ok"
    assert found["Prefect"]["says"] == "no service runs for this home"
    assert "what to do" in stand("doctor").stdout


def test_something_wrong_is_exit_code_one(desk: Desk) -> None:
    desk.json("tenants", "list")
    (desk.home / "run" / "restore.unfinished").touch()
    assert rows(desk, 1)["left over"]["status"] == "warning"


def test_a_service_that_does_not_answer(desk: Desk) -> None:
    desk.json("tenants", "list")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        said = {"url": f"http://127.0.0.1:{port}", "owner": this_process(), "dispatching": False}
        (desk.home / "run" / "server.json").write_text(json.dumps(said), encoding="utf-8")
        found = rows(desk, 1)
    assert found["Prefect"]["status"] == "failed"
    assert found["port"]["status"] == "failed"


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", "ok"), ("0.0.0.0", "failed")])
def test_a_port_that_others_can_reach(host: str, status: str) -> None:
    with socket.socket() as listening:
        listening.bind((host, 0))
        listening.listen()
        assert module._port(f"http://127.0.0.1:{listening.getsockname()[1]}").status == status


def test_a_dead_broker(desk: Desk) -> None:
    from tenantry.home import Home

    home = Home(desk.home).ensure()
    with socket.socket(socket.AF_UNIX) as served:
        served.bind(str(home.broker_socket))
        served.listen()
        assert str(os.getpid()) in module._broker(home).says
    assert module._broker(home).status == "failed"
