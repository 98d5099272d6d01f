"""An activation in the service: Prefect's server dies in the middle and a system comes back late. Nobody does anything but answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest

from flows.assembly import Installation
from tenantry.run import Status
from tests.flows.stand import _BY_ROLE, TENANT, Stand
from tests.flows.test_service_kills import process
from tests.support.waiting import until


def plan(stand: Stand, late: int) -> str:
    lab = urlsplit(stand.lab_server.base_url).port
    common = {"tier": 1, "owner": _BY_ROLE["engineer"], "rto": "2h", "primary": "here", "recovery": "there"}
    gone = {"primary_health": [{"kind": "tcp", "host": "127.0.0.1", "port": 1}], "patience": "5m"}
    account = {"account": stand.victim}
    systems = [
        {
            **{"id": "app", "title": "Application", "needs": ["base"], **common, **gone},
            "procedure": [{"id": "block", "uses": "identity.disable_sign_in", "with": account, "estimate": "1m"}],
            "health": [{"kind": "tcp", "host": "127.0.0.1", "port": lab}],
        },
        {
            **{"id": "base", "title": "What it stands on", **common, **gone},
            "procedure": [{"id": "end", "uses": "identity.revoke_sessions", "with": account, "estimate": "1m"}],
            "health": [{"kind": "tcp", "host": "127.0.0.1", "port": late}],
        },
    ]
    whole = {
        "id": "lab_plan",
        "version": 1,
        "title": "The lab's",
        "tenant": TENANT,
        "declarers": [_BY_ROLE["engineer"]],
    }
    return json.dumps({**whole, "communication": {"to": ["primary"]}, "systems": systems})


def asked(stand: Stand, run_id: str, step: str) -> None:
    def there() -> bool:
        time.sleep(0.1)
        return any(gate.step == step for gate in stand.state(run_id).open_gates())

    until(there, lambda: f"{step} is not asked; {stand.state(run_id).step_errors} {stand.worker_log()}", seconds=120)


def directory(stand: Stand) -> list[tuple[str, str, str]]:
    """What was changed, messages left out."""
    return [write for write in stand.writes() if write[0] != "sink"]


def answers(stand: Stand) -> bool:
    with suppress(httpx.HTTPError):
        return stand.api.get("/health").status_code == 200
    time.sleep(0.2)
    return False


@pytest.mark.timeout(400)
def test_prefects_server_dies_and_a_system_comes_back_late(stand: Stand) -> None:
    folder = stand.home.tenants / TENANT / "disaster"
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))  # nobody listens there yet
        (folder / "lab_plan.yaml").write_text(plan(stand, late.getsockname()[1]), encoding="utf-8")
        run_id = stand.begin("disaster_activation", {"tenant": TENANT, "plan": "lab_plan"})
        asked(stand, run_id, "declared")
        assert directory(stand) == []
        stand.answer(run_id)

        def begun() -> bool:
            time.sleep(0.1)
            item = stand.state(run_id).items.get(("base__end", None))
            return item is not None and item.done

        until(begun, lambda: f"nothing was recovered; {stand.worker_log()}", seconds=120)
        server = process(stand, "server")
        assert server is not None
        os.kill(server, signal.SIGKILL)
        assert ("app__block", None) not in stand.state(run_id).items, "it waits for what it needs"
        late.listen()
        for step in ("service_back", "lessons"):
            asked(stand, run_id, step)
            stand.answer(run_id)
        until(lambda: stand.state(run_id).ended is not None, stand.worker_log, seconds=120)
    until(lambda: answers(stand), "the server does not come back", seconds=120)
    state = stand.state(run_id)
    assert state.ended in (Status.COMPLETED, Status.EXCEPTIONS)
    measured = state.items["recovered", None].output
    assert measured["not_shown"] == []
    times = {one["id"]: one for one in measured["systems"]}
    assert times["base"]["healthy_at"] <= times["app"]["began_at"]
    writes = directory(stand)
    assert len(writes) == len(set(writes)) == 2, writes
    kept = {one["name"]: one["sha256"] for one in state.evidence}
    assert "disaster-report.pdf" in kept
    with Installation.open(stand.home) as installation:
        report = json.loads(b"".join(installation.evidence.open(TENANT, kept["disaster-report.json"])))
    assert report["counts"]["back"] == 2
    assert any(line.startswith("Under it the Prefect server ended at 20") for line in report["told"]), report["told"]
