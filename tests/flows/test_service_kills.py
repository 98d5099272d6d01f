"""Each process of the service is killed while ten runs are under way. Nobody does anything; all end as if nothing had happened."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from benchmarks.stage import plain_accounts
from tenantry.run import Status
from tests.flows.stand import TENANT, Stand
from tests.support.waiting import until

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
RUNS = 10
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
@pytest.mark.parametrize("seed", range(5))
def test_killed_while_ten_runs_are_under_way(stand: Stand, seed: int) -> None:
    under_way(stand, seed, ["child", KINDS[seed]])


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 120))
def test_killed_again_and_again(stand: Stand, seed: int) -> None:
    dice = random.Random(seed)
    under_way(stand, seed, [dice.choice(("child", *KINDS, "zygote")) for _ in range(4)])
