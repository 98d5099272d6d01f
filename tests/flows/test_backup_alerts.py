"""What a check of backups could not tell, or found impossible, stands in the queue of alerts once, and in the plan's findings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.main import cli
from flows.alerting import Alerting
from flows.assembly import Installation
from flows.backup_alerts import Impossible
from flows.complying import carry
from flows.pinning import backup_checks, plan_of
from flows.recording import prepare
from flows.sweep_schedule import BACKUPS, Sweeps
from tenantry.alerts.store import AlertStore
from tenantry.disaster.checking import CHECK
from tenantry.home import Home
from tests.flows.test_sweep_schedule import Scheduled, client
from tests.support.disaster import plan_text

REQUESTER = {"person": None, "name": "test", "proven": False, "via": "test"}


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home").ensure()
    with Installation.open(home) as opened:
        client(opened, "acme", "recovery: {check_every_hours: 24}")
        folder = home.tenants / "acme" / "disaster"
        folder.mkdir(parents=True)
        work = {"id": "work", "uses": "human.do", "with": {"instruction": "Begin."}, "estimate": "1m"}
        system = {"rpo": "4h", "backups": [{"source": "vol-1", "every": "1h"}], "procedure": [work], "failback": [work]}
        (folder / "acme_plan.yaml").write_text(plan_text({"db": system}), encoding="utf-8")
        (folder / "broken.yaml").write_text("id: broken\n", encoding="utf-8")
        yield opened


def checked(installation: Installation) -> str:
    run_id = prepare(installation, CHECK, "acme", {}, "run", REQUESTER, None)
    carry(installation, run_id)
    return run_id


async def test_what_cannot_be_told_is_in_the_queue_once_and_in_the_plan(installation: Installation) -> None:
    run_id = await asyncio.to_thread(checked, installation)
    ((state, rows),) = backup_checks(installation, "acme")
    assert (state.run_id, rows[0].state) == (run_id, "unknown"), "nothing of the client's reaches its backups"
    assert await Impossible(installation).look() == 2
    assert await Impossible(installation).look() == 0, "another process, or after a restart"
    store = AlertStore(installation.home.alerts_db)
    assert sorted(row.severity for row in store.alerts()) == ["high", "medium"]
    store.close()
    told = [one.text for one in plan_of(installation, "acme_plan", "acme").findings if one.rule == "backup"]
    assert any("when it was last looked at" in text for text in told)
    shown = CliRunner().invoke(cli, ["dr", "backups", "--tenant", "acme", "--json"])
    assert (shown.exit_code, json.loads(shown.stdout)["backups"][0]["state"]) == (1, "unknown")
    await asyncio.to_thread(checked, installation)
    assert await Impossible(installation).look() == 2, "each check tells; the desk merges"


async def test_the_desk_gives_it_to_the_clients_queue(installation: Installation) -> None:
    await asyncio.to_thread(checked, installation)
    await Impossible(installation).look()
    handed: list[str] = []

    async def hand_over(run_id: str) -> None:
        handed.append(run_id)

    alerting = Alerting(installation, hand_over)
    while await alerting.work():
        pass
    store = AlertStore(installation.home.alerts_db)
    rows = store.alerts()
    store.close()
    assert {(row.tenant, row.state) for row in rows} == {("acme", "queue")}, "a person looks at it"
    assert handed == []


async def test_it_is_begun_by_the_clients_file_once_a_period(installation: Installation) -> None:
    scheduled = Scheduled()
    (begun,) = await Sweeps(installation, scheduled, BACKUPS).look()
    assert [(one.run_id, one.runbook) for one in scheduled.runs] == [(begun, CHECK)]
    assert await Sweeps(installation, scheduled, BACKUPS).look() == []
