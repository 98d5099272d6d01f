"""From accepted to a recorded run and a record of every decision, without Prefect; and whatever dies in between is done once."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.alerting import Alerting, Around
from flows.assembly import Installation
from tenantry.alerts.door import intake_key
from tenantry.alerts.message import read, seal_for_intake
from tenantry.alerts.source import source
from tenantry.alerts.store import AlertStore
from tenantry.drop.seal import public_of
from tenantry.errors import InvalidInput, RecordError
from tenantry.home import Home
from tenantry.journal import Event
from tests.console.desk import SMALL
from tests.tenantry.alerts.samples import GRAPH

ESTATE = 'alerts: {defender: {kind: microsoft_graph, proof: token, secret: "vault:_msp/alerts/defender"}}\n'
TENANT = f"name: acme\ndisplay_name: Acme\nalert_handles: {{defender: {GRAPH['tenantId']}}}\n"
RULES = """\
rules:
  - {id: small, when: {entity: account, severity_at_least: high}, run: RUNBOOK, with: {account: account}}
"""


class Place:
    def __init__(self, home: Home) -> None:
        self.installation = Installation.open(home)
        self.home = home
        name = SMALL.splitlines()[0].removeprefix("id: ")
        (home.runbooks / f"{name}.yaml").write_text(SMALL, encoding="utf-8")
        home.estate.write_text(ESTATE, encoding="utf-8")
        (home.tenants / "acme.yaml").write_text(TENANT, encoding="utf-8")
        rules = home.runbooks / "alerts" / "rules"
        rules.mkdir(parents=True)
        (rules / "own.yaml").write_text(RULES.replace("RUNBOOK", name), encoding="utf-8")
        self.installation.vault.create_tenant_key("acme")
        self.public = public_of(intake_key(self.installation.vault))
        self.handed: list[str] = []
        self.runbook = name
        self.store = AlertStore(home.alerts_db)

    async def hand_over(self, run_id: str, tenant: str, runbook: str, recorded: Awaitable[bool]) -> None:
        if not await recorded:
            return
        assert (tenant, runbook) == ("acme", self.runbook)
        assert self.installation.state(run_id).attempt == 0, "it stands in the record before anybody has it"
        self.handed.append(run_id)

    def alerting(self) -> Alerting:
        return Alerting(self.installation, self.hand_over)

    def accept(self, *accounts: str) -> list[str]:
        sent = []
        for number, account in enumerate(accounts):
            body = json.loads(json.dumps(GRAPH).replace("Dana@acme.example", account)) | {"id": f"{account}{number}"}
            for alert, raw in read(source("microsoft_graph"), body, json.dumps(body).encode(), {}):
                sent.append(seal_for_intake("defender", alert, raw, self.public))
        self.store.accept([("defender", one) for one in sent], datetime.now(UTC))
        return [one.id for one in sent]

    async def work(self, alerting: Alerting) -> None:
        while await alerting.work() or alerting._handing:
            for task in list(alerting._handing.values()):
                await task

    def decided(self) -> list[tuple[str, str]]:
        found = self.installation.journal.of("acme", "alert.decided")
        return [(one.data["alert"], one.data["became"]) for one in found]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(Home(tmp_path / "home").ensure())
    yield made
    made.store.close()
    made.installation.close()


async def test_each_incident_gets_one_run_and_each_alert_an_entry(place: Place) -> None:
    ids = place.accept("a@acme.example", "b@acme.example", "a@acme.example", "c@acme.example")
    await place.work(place.alerting())
    assert len(place.handed) == len(set(place.handed)) == 3
    assert sorted(place.decided()) == sorted(zip(ids, ["run", "run", "merged", "run"], strict=True))
    state = place.installation.state(place.handed[0])
    assert (state.runbook, state.tenant, state.started_itself) == (place.runbook, "acme", True)
    assert state.requester["impact"] == "reversible"
    assert len(place.installation.journal.runs("acme")) == 3


async def test_a_second_look_finds_nothing_to_do(place: Place) -> None:
    place.accept("a@acme.example")
    first, second = place.alerting(), place.alerting()
    await place.work(first)
    await place.work(second)
    assert len(place.handed) == 1
    assert len(place.decided()) == 1


async def test_killed_after_deciding_the_next_one_launches_and_records(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.accept("a@acme.example", "b@acme.example")
    dying = place.alerting()
    dying._decide()  # and then it was killed
    assert (place.handed, place.decided()) == ([], [])
    await place.work(place.alerting())
    assert len(place.handed) == 2
    assert [state for _, state in place.decided()] == ["run", "run"]


@pytest.mark.parametrize("begun", [False, True])
async def test_killed_after_recording_the_run_it_is_begun_once(
    place: Place, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    place.accept("a@acme.example")

    def dies(*_: object) -> None:
        raise RecordError("killed")

    async def carry(run_id: str, tenant: str, runbook: str, recorded: Awaitable[bool]) -> None:
        """By a child, which makes its first entry, or does not get there."""
        if await recorded and begun:
            attempt = Event("run.attempt", {"attempt": 1, "owner": "x", "flow_run_id": None}, run_id, attempt=1)
            place.installation.journal.append(tenant, [attempt])

    with monkeypatch.context() as patched:
        patched.setattr(AlertStore, "launched", dies)
        await place.work(Alerting(place.installation, carry))
    assert len(place.store.unlaunched()) == 1, "it was killed before that was noted"
    assert len(place.installation.journal.runs("acme")) == 1
    await place.work(place.alerting())
    assert len(place.handed) == (0 if begun else 1), "one that was begun is the keeper's"
    assert len(place.installation.journal.runs("acme")) == 1
    assert place.store.unlaunched() == []


async def test_a_run_that_is_refused_leaves_its_alert_to_a_person(place: Place) -> None:
    own = place.home.runbooks / "alerts" / "rules" / "own.yaml"
    own.write_text(RULES.replace("RUNBOOK", "no_such_runbook"), encoding="utf-8")
    (one,) = place.accept("a@acme.example")
    await place.work(place.alerting())
    row = place.store.alert(one)
    assert row.state == "queue"
    assert "no_such_runbook" in row.reason
    assert place.handed == []
    assert place.decided()[-1] == (one, "queue")


async def test_a_file_that_cannot_be_read_holds_up_its_client_alone(place: Place) -> None:
    (place.home.tenants / "broken.yaml").write_text("name: [", encoding="utf-8")
    place.accept("a@acme.example")
    await place.work(place.alerting())
    assert len(place.handed) == 1


def test_files_are_read_again_when_they_have_changed_and_not_before(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = Around(place.installation)
    read_anew: list[Home] = []
    opened = Installation.open

    def counted(home: Home) -> Installation:
        read_anew.append(home)
        return opened(home)

    monkeypatch.setattr("flows.alerting.Installation.open", counted)
    for at in range(0, 100, 10):
        around.refresh(float(at))
    assert len(read_anew) == 1, "an idle service reads no client's file"
    assert around.unattended("acme") != "none"
    file = place.home.tenants / "acme.yaml"
    file.write_text(TENANT + "policy: {unattended_impact: none}\n", encoding="utf-8")
    around.refresh(200.0)
    assert around.unattended("acme") == "none"
    place.home.estate.write_text("alerts: [", encoding="utf-8")
    for at in (300.0, 310.0):  # broken, it is looked at again and again
        with pytest.raises(InvalidInput):
            around.refresh(at)
    place.home.estate.write_text(ESTATE + "# mended\n", encoding="utf-8")
    around.refresh(400.0)
    assert around.tenant_of("defender", str(GRAPH["tenantId"])) == "acme"
