"""What both benchmarks stand on: a home of their own with a service, a lab in another process, and somebody who creates runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from benchmarks.alerts_start import up_on
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import LAB_TENANT, LabProcess, lab_process, plain_accounts
from flows.assembly import Installation
from flows.server import credential
from flows.settings import client_environment
from tenantry import tether
from tenantry.home import Home

__all__ = ["BURST", "ONE", "Service", "first_writes", "service", "starter", "stock"]

ONE: Final = """\
id: bench_one
version: 1
title: One effect
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
"""
BURST: Final = """\
id: bench_burst
version: 1
title: Five steps
kind: incident
params:
  account: {type: account, title: The account}
phases: [investigate]
steps:
""" + "".join(
    f"""\
  - id: step_{number}
    title: Step {number}
    phase: investigate
    uses: incident.assemble_team
    needs: [{f"step_{number - 1}" if number else ""}]
"""
    for number in range(5)
)
_UP_S: Final = 240.0


class Service:
    """`tenantry up` in a home of its own."""

    def __init__(self, home: Home, said: Mapping[str, str]) -> None:
        self.home = home
        self.said = said

    @property
    def client(self) -> dict[str, str]:
        """Environment of a client of its Prefect server."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return {**kept, **client_environment(self.home, credential(self.home), self.said["api"])}


@contextlib.contextmanager
def service(accounts: int, database: str | None = None) -> Iterator[tuple[Service, LabProcess, list[str]]]:
    """The service, a lab behind it, and the lab's accounts that a run may block.

    Args:
        database: address of another one for Prefect's server, as SQLAlchemy writes it.

    Raises:
        BenchmarkFailed: something did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-", dir=Home.locate().ensure().run) as folder:
        home = Home(Path(folder)).ensure()
        for text in (ONE, BURST):
            name = text.splitlines()[0].removeprefix("id: ")
            (home.runbooks / f"{name}.yaml").write_text(text, encoding="utf-8")
        before, os.environ["TENANTRY_HOME"] = os.environ.get("TENANTRY_HOME"), str(home.path)
        try:
            with Installation.open(home) as installation, lab_process(installation, accounts * 3) as lab:
                found = [account.upn for account in asyncio.run(plain_accounts(installation, accounts))]
                with _up(home, database) as said:
                    yield Service(home, said), lab, found
        finally:
            if before is not None:
                os.environ["TENANTRY_HOME"] = before


@contextlib.contextmanager
def _up(home: Home, database: str | None) -> Iterator[dict[str, str]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    command = ["-c", "from console.main import main; main()"]
    if database is not None:
        environment[up_on.DATABASE] = database
        command = ["-m", up_on.__name__]
    with (home.run / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command, "up", "--json"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            raise BenchmarkFailed((home.run / "up.log").read_text(encoding="utf-8")[-1000:])
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(60)


def first_writes(lab: LabProcess) -> dict[str, float]:
    """Account → Unix time at which the lab accepted the first write on it."""
    found: dict[str, float] = {}
    for entry in lab.audit():
        account = str(entry["target"]).removeprefix("users/")
        found.setdefault(account, datetime.fromisoformat(entry["at"]).timestamp())
    return found


@contextlib.contextmanager
def stock(stand: Service, runbook: str, poll: float | None) -> Iterator[None]:
    """Prefect's ``serve()`` for a runbook. ``poll``: seconds; its default when None."""
    environment = dict(stand.client)
    if poll is not None:
        environment["PREFECT_RUNNER_POLL_FREQUENCY"] = f"{poll:g}"
    process = tether.spawn(
        ["benchmarks.prefect_stock", runbook], environment=environment, log=stand.home.run / "stock.log"
    )
    try:
        time.sleep(8)  # it registers its deployment, and polls for the first time
        if process.poll() is not None:
            raise BenchmarkFailed((stand.home.run / "stock.log").read_text(encoding="utf-8")[-1000:])
        yield
    finally:
        tether.stop(process)


@contextlib.contextmanager
def starter(stand: Service) -> Iterator[Callable[[str, str, str], dict[str, float]]]:
    """A process of its own that creates flow runs, as whoever takes alerts: (runbook, deployment, account) → Unix times
    ``{began, created}``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.alerts_start.starter"],
        env=stand.client,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def start(runbook: str, deployment: str, account: str) -> dict[str, float]:
        if process.stdin is None or process.stdout is None:
            raise BenchmarkFailed("the starter has no pipes")
        process.stdin.write(json.dumps([runbook, deployment, account, LAB_TENANT]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise BenchmarkFailed("the process that creates flow runs ended")
        found: dict[str, float] = json.loads(line)
        return found

    try:
        yield start
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(30)
