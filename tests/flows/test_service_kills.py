"""Each process of the service is killed while ten runs are under way, and while alerts come in. Nobody does anything; all end as if nothing
had happened."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from benchmarks.stage import plain_accounts
from tenantry.alerts.store import AlertStore
from tenantry.run import Status
from tests.flows.stand import TENANT, Stand
from tests.support.waiting import until
from tests.tenantry.alerts.samples import GRAPH

TWO = """\
id: two
version: 1
title: Two effects
kind: incident
params:
  account: {type: account, title: The account}
phases: [contain]
steps:
  - id: block
    title: Block sign-in
    phase: contain
    uses: identity.disable_sign_in
    with: {account: "${params.account}"}
  - id: team
    title: Team
    phase: contain
    uses: incident.assemble_team
    needs: [block]
  - id: sessions
    title: Revoke sessions
    phase: contain
    uses: identity.revoke_sessions
    needs: [team]
    with: {account: "${params.account}"}
"""
TOKEN = "canary-storm-3a5e"
ESTATE = (
    f'alerts: {{storm: {{kind: microsoft_graph, proof: token, secret: "vault:_msp/alerts/storm", tenant: {TENANT}}}}}\n'
)
RULES = """\
rules:
  - {id: storm, when: {sources: [storm], entity: account, severity_at_least: high}, run: two, with: {account: account}}
"""
RUNS = 10
NAMED = 4
"""Accounts that a storm of alerts is about."""
ALERTS = 60
MODULES = {
    "server": b"flows.server_process",
    "worker": b"flows.worker_process",
    "broker": b"tenantry.broker",
    "zygote": b"flows.zygote",
    "console": b"console.web",
}
KINDS = ("console", "worker", "server", "broker", "supervisor")


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with Stand(tmp_path_factory.mktemp("kills"), users=60) as stand:
        (stand.home.runbooks / "two.yaml").write_text(TWO, encoding="utf-8")
        with stand.opened() as installation:
            installation.vault.put("_msp", "alerts/storm", TOKEN)
        rules = stand.home.runbooks / "alerts" / "rules"
        rules.mkdir(parents=True)
        (rules / "storm.yaml").write_text(RULES, encoding="utf-8")
        stand.home.estate.write_text(ESTATE, encoding="utf-8")
        file = stand.home.tenants / f"{TENANT}.yaml"
        file.write_text(f"{file.read_text(encoding='utf-8')}\npolicy: {{unattended_effects_per_hour: 1000}}\n")
        stand.up()
        stand.deployment("two")
        yield stand


def below(pid: int) -> list[int]:
    """A process's children, and theirs."""
    found: list[int] = []
    direct: list[str] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):  # each has those that it started itself
        with suppress(OSError):
            direct += thread.read_text(encoding="ascii").split()
    for child in map(int, direct):
        found += [child, *below(child)]
    return found


def process(stand: Stand, kind: str) -> int | None:
    """The process of this kind that runs now."""
    assert stand.service is not None
    for pid in below(stand.service.pid):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if MODULES[kind] in words:
            return pid
    return None


def owners(stand: Stand, runs: list[str]) -> list[int]:
    """Processes that carry runs now."""
    with stand.opened() as installation:
        states = [installation.journal.records(run) for run in runs if installation.journal.live(run)]
    # One that has the lease and has not said so yet is not found: nobody to kill.
    attempts = [[r.data["owner"] for r in records if r.event == "run.attempt"] for records in states]
    return [int(found[-1].split("|")[2]) for found in attempts if found]


def kill(stand: Stand, kind: str, runs: list[str], dice: random.Random) -> None:
    if kind == "supervisor":
        stand.down(signal.SIGKILL)
        stand.up()  # as systemd does
        return
    found: list[int] = []

    def there() -> bool:
        alive = owners(stand, runs) if kind == "child" else [pid for pid in [process(stand, kind)] if pid]
        found[:] = [dice.choice(alive)] if alive else []
        return bool(found) or ended(stand, runs)

    until(there, f"no {kind} to kill")
    for pid in found:
        with suppress(ProcessLookupError):  # it ended a moment ago, by itself
            os.kill(pid, signal.SIGKILL)


def ended(stand: Stand, runs: list[str]) -> bool:
    with stand.opened() as installation:
        return all(installation.journal.run(run).ended for run in runs)


def standings(stand: Stand, runs: list[str]) -> str:
    """Those that did not end: what the record said of them last, and who carries them."""
    found = []
    with stand.opened() as installation:
        for index in (installation.journal.run(run) for run in runs):
            if not index.ended:
                last = installation.journal.records(index.run_id)[-3:]
                said = [(record.event, record.entry.fields["ts"], record.data) for record in last]
                found.append(f"{index.run_id} {index.standing} live={installation.journal.live(index.run_id)} {said}")
    return "\n".join(["not ended:", *found, f"now: {datetime.now(UTC)}"])


def settled(stand: Stand) -> bool:
    with stand.opened() as installation:
        return all(index.ended for index in installation.journal.runs())


def accounts(stand: Stand) -> list[str]:
    with stand.opened() as installation:
        return [account.upn for account in asyncio.run(plain_accounts(installation, RUNS, TENANT))]


def under_way(stand: Stand, seed: int, kinds: list[str]) -> None:
    dice = random.Random(seed)
    # What a seed that failed left under way would act on the same accounts.
    until(lambda: settled(stand), "runs of an earlier seed do not end", seconds=180)
    stand.lab.reset()
    httpx.post(f"{stand.lab_server.base_url}/_lab/faults", json={"latency_ms": 60}).raise_for_status()
    runs = [stand.begin("two", {"tenant": TENANT, "account": account}) for account in accounts(stand)]
    for kind in kinds:
        time.sleep(dice.random() * 1.5)
        kill(stand, kind, runs, dice)
    until(lambda: ended(stand, runs), lambda: f"{standings(stand, runs)}\n{stand.worker_log()}", seconds=180)
    assert {stand.state(run).ended for run in runs} == {Status.COMPLETED}
    writes = Counter((entry["service"], entry["method"], str(entry["target"])) for entry in stand.lab.audit)
    assert len(writes) == 2 * RUNS, writes
    assert set(writes.values()) == {1}, writes
    with stand.opened() as installation:
        assert installation.journal.verify().ok


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.torture) for n in (1, 2, 3)), 4])
def test_killed_while_ten_runs_are_under_way(stand: Stand, seed: int) -> None:
    under_way(stand, seed, ["child", KINDS[seed]])


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 120))
def test_killed_again_and_again(stand: Stand, seed: int) -> None:
    dice = random.Random(seed)
    under_way(stand, seed, [dice.choice(("child", *KINDS, "zygote")) for _ in range(4)])


# --- alerts -----------------------------------------------------------------------------------------------------------


class Sender:
    """A vendor: sends each message until it is told that it was kept.

    Args:
        pause: seconds between two messages.
    """

    def __init__(self, stand: Stand, messages: list[bytes], pause: float) -> None:
        self._stand = stand
        self._messages = messages
        self._pause = pause
        self.kept: dict[int, str] = {}
        """Number of the message → the id under which the answer says that it is kept."""
        self.again = 0

    def send(self) -> None:
        headers = {"x-alert-token": TOKEN, "content-type": "application/json"}
        for number, message in enumerate(self._messages):
            deadline = time.monotonic() + 180
            while number not in self.kept:
                assert time.monotonic() < deadline, "the intake did not come back"
                try:
                    url = f"{self._stand.said['console']}/alerts/storm"
                    answer = httpx.post(url, content=message, headers=headers, timeout=15)
                except httpx.TransportError:
                    self.again += 1
                    time.sleep(0.2)
                    continue
                if answer.status_code == 202:
                    (one,) = answer.json()["alerts"]
                    self.kept[number] = one["id"]
                else:
                    assert answer.status_code in (429, 503), answer.text
                    self.again += 1
                    time.sleep(0.2)
            time.sleep(self._pause)


def forget_incidents(stand: Stand) -> None:
    """Those of an earlier seed are over, and long ago: neither does anything merge into them, nor are their runs counted as a storm's."""
    store = AlertStore(stand.home.alerts_db)
    for incident in store.incidents():
        store.close_incident(incident.id, "of an earlier seed", datetime.now(UTC))
    with store.transaction() as db:
        db.execute("UPDATE incidents SET opened_us = opened_us - 86400000000")
    store.close()


def undecided(stand: Stand, kept: set[str]) -> str:
    """What of the storm is not where it belongs yet; empty once all is."""
    store = AlertStore(stand.home.alerts_db)
    try:
        rows = {row.id: row for row in store.alerts(most=100_000)}
        waiting = [one for one in kept if one not in rows or rows[one].state == "accepted"]
        left = [row.id for row in store.unrecorded(100_000)]
        runs = [one.run_id for one in store.incidents()]
        # A worker that dies behind its decision leaves a run that the record does not know yet: another one puts it there.
        promised = [one.run_id for one in store.unlaunched()]
    finally:
        store.close()
    if waiting or left or promised:
        return f"not decided on: {waiting}; not recorded: {left}; runs not in the record: {promised}"
    if not all(runs) or not ended(stand, [run for run in runs if run]):
        return standings(stand, [run for run in runs if run])
    return ""


def in_a_storm(stand: Stand, seed: int, kinds: list[str]) -> None:
    dice = random.Random(seed)
    until(lambda: settled(stand), "runs of an earlier seed do not end", seconds=180)
    stand.lab.reset()
    forget_incidents(stand)
    httpx.post(f"{stand.lab_server.base_url}/_lab/faults", json={"latency_ms": 60}).raise_for_status()
    named = dice.sample(accounts(stand), NAMED)
    messages = []
    for number in range(ALERTS):
        text = json.dumps(GRAPH).replace("Dana@acme.example", named[number % NAMED])
        messages.append(json.dumps(json.loads(text) | {"id": f"storm-{seed}-{number}"}).encode())
    sender = Sender(stand, messages, 0.02)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(sender.send)
        for kind in kinds:
            time.sleep(dice.random() * 1.5)
            with stand.opened() as installation:
                found = [one.run_id for one in installation.journal.runs(TENANT) if not one.ended]
            kill(stand, kind, found, dice)
        sending.result(timeout=400)
    kept = set(sender.kept.values())
    assert len(kept) == ALERTS, "each message is an alert of its own"
    until(lambda: not undecided(stand, kept), lambda: f"{undecided(stand, kept)}\n{stand.worker_log()}", seconds=180)

    store = AlertStore(stand.home.alerts_db)
    rows = {row.id: row for row in store.alerts(most=100_000) if row.id in kept}
    incidents = store.incidents()
    store.close()
    assert Counter(row.state for row in rows.values()) == {"run": NAMED, "merged": ALERTS - NAMED}
    assert all(row.reason and row.incident in {one.id for one in incidents} for row in rows.values())
    assert len({one.run_id for one in incidents}) == len(incidents) == NAMED
    runs = [one.run_id for one in incidents if one.run_id]
    assert {stand.state(run).ended for run in runs} == {Status.COMPLETED}
    writes = Counter((entry["service"], entry["method"], str(entry["target"])) for entry in stand.lab.audit)
    assert len(writes) == 2 * NAMED, writes
    assert set(writes.values()) == {1}, f"each account was contained once: {writes}"
    with stand.opened() as installation:
        told = {one.data["alert"] for one in installation.journal.of(TENANT, "alert.decided")}
        assert kept <= told, "the client's record says what became of each"
        assert installation.journal.verify().ok


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("seed", "kinds"),
    # SQLite's databases are in the processes that use them: Prefect's dies with its server, the alerts' with intake and worker.
    [
        (200, ["console", "worker"]),
        (201, ["server", "console"]),
        (202, ["worker", "broker"]),
    ],
)
def test_killed_in_a_storm_of_alerts(stand: Stand, seed: int, kinds: list[str]) -> None:
    in_a_storm(stand, seed, kinds)


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(300, 320))
def test_killed_again_and_again_in_a_storm_of_alerts(stand: Stand, seed: int) -> None:
    dice = random.Random(seed)
    in_a_storm(stand, seed, [dice.choice(("child", *KINDS, "zygote")) for _ in range(4)])
