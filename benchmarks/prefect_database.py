"""Which database Prefect's server does best on, on this machine::

    python -m benchmarks.prefect_database --postgres debian=/usr/lib/postgresql/15/bin --postgres wheel=DIR/pginstall/bin

For each of them, one after the other, in rounds, the whole service on it: the time from the creation of a flow run to its first effect,
how many runs of five steps come through a second when all are created at once, and what the server's and the database's processes
take of memory. With ``--bare`` Prefect's server alone and its own engine: the time of one call that creates a flow run, the whole
of a flow run of five trivial steps one at a time, and how many of those a second come through eight at a time. Prints JSON.
Figures of two databases are comparable only within one call of this program.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.alerts_start.burst import until_completed
from benchmarks.alerts_start.latency import one
from benchmarks.alerts_start.stage import service, starter
from flows.assembly import Installation
from flows.server import Server as Address
from flows.server import answers, credential
from flows.settings import client_environment, server_environment
from tenantry import tether
from tenantry.home import Home

_CREATED: Final = 60
_ALONE: Final = 12
_BURST: Final = 48
_TOGETHER: Final = 8
_STARTS: Final = 20
_RUNS: Final = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", action="append", default=[], metavar="NAME=BIN", help="a PostgreSQL to compare")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--bare", action="store_true", help="Prefect's server alone")
    parser.add_argument("--client", metavar="ROLE", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.client:
        print(json.dumps(asyncio.run(_client())))
        return
    kinds: dict[str, Path | None] = {"sqlite": None}
    kinds |= {name: Path(folder) for name, _, folder in (text.partition("=") for text in asked.postgres)}
    found: dict[str, list[Any]] = {name: [] for name in kinds}
    for _ in range(asked.rounds):  # interleaved: what else the machine does falls on all of them
        for name, folder in kinds.items():
            found[name].append(_measure(folder) if asked.bare else _served(folder))
            print(f"{name}: {found[name][-1]}", file=sys.stderr)
    print(json.dumps({"load": os.getloadavg(), "rounds": found}, indent=2))


def _served(postgres: Path | None) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        database, pid = stack.enter_context(_postgres(postgres)) if postgres is not None else (None, None)
        stand, lab, accounts = stack.enter_context(service(_STARTS + 3, database))
        start = stack.enter_context(starter(stand))
        installation = stack.enter_context(Installation.open(stand.home))
        left = iter(accounts)
        for _ in range(3):
            one(lab, start, "tenantry", next(left), patience=120)
        seconds = [one(lab, start, "tenantry", account) for account in left]
        before = sum(_cpu(process) for process in (_server(stand.home), pid) if process)
        began = time.perf_counter()
        for number in range(_RUNS):
            start("bench_burst", "tenantry", accounts[number % len(accounts)])
        ended = until_completed(installation, _RUNS + _STARTS + 3, 240.0) - _STARTS - 3
        lasted = time.perf_counter() - began
        used = sum(_cpu(process) for process in (_server(stand.home), pid) if process) - before
        return {
            "start_ms": _spread(seconds),
            "runs_per_s": round(ended / lasted, 2),
            "server_and_database_cpu_s_per_run": round(used / _RUNS, 3),
            "resident_mb": sum(_resident(process) for process in (_server(stand.home), pid) if process),
        }


def _server(home: Home) -> int:
    """The process id of the service's server."""
    service_pid = int(json.loads(home.server_file.read_text(encoding="utf-8"))["owner"].split("|")[2])
    for path in Path(f"/proc/{service_pid}/task").glob("*/children"):
        for child in path.read_text(encoding="ascii").split():
            if b"flows.server_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise SystemExit("the service has no server")


def _cpu(pid: int) -> float:
    """Seconds of processor time of a process and its children, those that have ended included (proc_pid_stat(5))."""
    total = 0.0
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            total += sum(_cpu(int(child)) for child in path.read_text(encoding="ascii").split())
    return total


def _measure(postgres: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as folder, contextlib.ExitStack() as stack:
        home = Home(Path(folder) / "home").ensure()
        environment = server_environment(home, credential(home), port := _free_port(), os.environ)
        resident = []
        if postgres is not None:
            database, pid = stack.enter_context(_postgres(postgres))
            environment["PREFECT_API_DATABASE_CONNECTION_URL"] = database
            resident.append(pid)
        began = time.perf_counter()
        arguments = ["flows.server_process", str(port), "service"]
        server = tether.spawn(arguments, environment=environment, log=home.run / "server.log")
        stack.callback(tether.stop, server)
        url = f"http://127.0.0.1:{port}"
        address = Address(url, credential(home), dispatching=False, shown=url)
        while not answers(address):
            if server.poll() is not None or time.perf_counter() - began > 180:
                raise SystemExit((home.run / "server.log").read_text(encoding="utf-8")[-2000:])
            time.sleep(0.1)
        started = time.perf_counter() - began
        client = {**os.environ, **client_environment(home, address.credential, address.api)}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.prefect_database", "--client", "yes"],
            env=client,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        if done.returncode != 0:
            raise SystemExit(done.stderr[-2000:])
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        memory = sum(_resident(pid) for pid in (server.pid, *resident))
        return {"first_start_s": round(started, 1), **figures, "resident_mb": memory}


async def _client() -> dict[str, Any]:
    from prefect import flow, get_client, task
    from prefect.states import Pending

    @task
    async def step(number: int) -> int:
        return number

    @flow
    async def five() -> int:
        return sum([await step(number) for number in range(5)])

    async def whole() -> float:
        began = time.perf_counter()
        await five()
        return time.perf_counter() - began

    await whole()
    created = []
    async with get_client() as client:
        for _ in range(_CREATED):
            began = time.perf_counter()
            await client.create_flow_run(five, state=Pending())
            created.append(time.perf_counter() - began)
    alone = [await whole() for _ in range(_ALONE)]
    gate = asyncio.Semaphore(_TOGETHER)

    async def one() -> float:
        async with gate:
            return await whole()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(_BURST)))
    together = time.perf_counter() - began
    return {
        "create_ms": _spread(created),
        "flow_ms": _spread(alone),
        "alone_per_s": round(_ALONE / sum(alone), 2),
        "together_per_s": round(_BURST / together, 2),
    }


def _spread(seconds: list[float]) -> dict[str, int]:
    """Milliseconds."""
    ordered = sorted(seconds)
    return {
        "p50": round(ordered[len(ordered) // 2] * 1e3),
        "p95": round(ordered[int(len(ordered) * 0.95)] * 1e3),
        "max": round(ordered[-1] * 1e3),
    }


@contextlib.contextmanager
def _postgres(programs: Path) -> Iterator[tuple[str, int]]:
    """A cluster of its own on a free port of loopback; address for Prefect and the process id."""
    folder = Path(tempfile.mkdtemp(prefix="tenantry-pg-"))
    # PostgreSQL refuses to run as root.
    account: Mapping[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if account:
        shutil.chown(folder, "postgres", "postgres")
    password, port, data, words = secrets.token_hex(16), _free_port(), folder / "data", folder / "password"
    words.touch(0o600)
    words.write_text(password, encoding="ascii")
    if account:
        shutil.chown(words, "postgres", "postgres")
    try:
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "prefect",
                "-A",
                "scram-sha-256",
                f"--pwfile={words}",
                "-E",
                "UTF8",
            ],
            check=True,
            capture_output=True,
            cwd="/",
            **account,
        )
        command: list[str | Path] = [
            programs / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            "-k",
            folder,
            "-c",
            "listen_addresses=127.0.0.1",
        ]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **account)
        try:
            _until_listening(port)
            yield f"postgresql+asyncpg://prefect:{password}@127.0.0.1:{port}/postgres", server.pid
        finally:
            server.terminate()
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _until_listening(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            time.sleep(0.5)
            return
        time.sleep(0.1)
    raise SystemExit("PostgreSQL did not come up")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _resident(pid: int) -> int:
    """MB of a process and its children (proc_pid_status(5), RssAnon: pages that they share are not counted again)."""
    total = 0
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                total = int(line.split()[1]) // 1024
        total += sum(_resident(int(child)) for child in children.read_text(encoding="ascii").split())
    return total


if __name__ == "__main__":
    main()
