"""A campaign of compliance sweeps over many lab clients of 50 users, which another process serves: requests, wall clock at 50 ms, memory, and
what Prefect is told.

Requests: what goes over the wire against the fewest that ask the same (:mod:`benchmarks.wire`), over all clients.

Wall clock: with so many clients at once, and one request of each on its way at any moment, a campaign takes

    requests x latency / clients at once

which is what it is measured against. The requests of one client travel side by side too, so it could be less: ``chain`` is the largest number
of one client's requests of which each went out after the one before it was answered, and latency x chain x clients / clients at once is what no
client of that service can go below. Our own CPU, of which a process has one core's worth, stands beside both: where it is more, it is what
decides. So does the time in which plain httpx sends the very same requests, as many at once, with nothing parsed.

Memory: the peak after a fifth of the clients, and how much further it goes until the last.

Prefect: a campaign is carried by the engine, and no run or task of Prefect's is made for it. A client's regular sweep goes through Prefect; how
many flow runs and task runs that makes is asked of the server afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import math
import os
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import must_complete, watched
from benchmarks.steps.containment import chain_of
from benchmarks.wire import again, listened
from flows import campaign, complying
from flows.assembly import Installation
from tenantry import tether
from tenantry.campaign import view
from tenantry.run import Engine

__all__ = ["labs_process", "measure"]

_CLIENTS: Final = 100
_FEW: Final = 2
_USERS: Final = 50
_LATENCY: Final = 0.05
_REQUESTS: Final = 1.2
_WALL: Final = 1.5
_MEMORY_MB: Final = 400.0
_GROWTH_MB: Final = 25.0
_TASKS: Final = 10
_START_S: Final = 180.0
_SETTLED_S: Final = 2.0
_REQUESTER: Final = {"person": None, "proven": False, "via": "bench"}


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """One figure.

    Args:
        option: ``requests``, ``wall``, ``memory`` or ``prefect``.
    """
    count = _FEW if scale.quick or option == "prefect" else _CLIENTS
    measured = {"requests": _requests, "wall": _wall, "memory": _memory, "prefect": _prefect}[str(option)]
    with Installation.open() as installation, labs_process(installation, count) as labs:
        return measured(name, installation, labs)


@contextlib.contextmanager
def labs_process(
    installation: Installation, count: int, *, users: int = _USERS, away: int = 0
) -> Iterator[Mapping[str, str]]:
    """Serve labs from another process for as long as the block lasts; client → address.

    Args:
        away: of the last of them, where nobody listens.

    Raises:
        BenchmarkFailed: they did not start.
    """
    log = installation.home.run / f"labs-{os.getpid()}.log"
    log.unlink(missing_ok=True)
    child = tether.spawn(
        ["benchmarks.compliance.labs_process", str(count), str(users), str(away)],
        environment={**os.environ, "TENANTRY_HOME": str(installation.home.path)},
        log=log,
    )
    try:
        deadline = time.monotonic() + _START_S
        while not (said := [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]):
            if child.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkFailed("the labs' process did not start")
            time.sleep(0.05)
        yield json.loads(said[0])
    finally:
        tether.stop(child)


def faults(base_url: str, **plan: Any) -> None:
    """Make one of them misbehave: the fields of its fault plan."""
    request = urllib.request.Request(
        f"{base_url}/_lab/faults",
        data=json.dumps(plan).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def _carried(installation: Installation, clients: Sequence[str]) -> None:
    """A campaign over these clients, of whom each must be swept whole."""
    campaign_id = campaign.prepare(installation, complying.RUNBOOK, clients, {}, "run", _REQUESTER)
    shown = view(campaign.carry(installation, campaign_id))
    if shown["status"] != "completed":
        raise BenchmarkFailed(f"the campaign ended as {shown['status']}: {shown['counts']}")


def _requests(name: str, installation: Installation, labs: Mapping[str, str]) -> Bench:
    with listened() as asked:
        _carried(installation, list(labs))
    least = asked.least()
    ratio = asked.calls / least
    return Bench(
        name=name,
        value=asked.calls,
        unit="requests",
        baseline=Baseline("the fewest that ask the same, in full batches and pages", least),
        ratio=round(ratio, 3),
        target=f"ratio <= {_REQUESTS}",
        met=ratio <= _REQUESTS,
        peak_rss_mb=peak_rss_mb(),
        detail={"clients": len(labs), "users": _USERS, "requests_of_a_client": round(asked.calls / len(labs), 1)},
    )


def _wall(name: str, installation: Installation, labs: Mapping[str, str]) -> Bench:
    """After a campaign that is not counted: modules are loaded, and the labs' users made."""
    clients = list(labs)
    with listened() as asked:
        _carried(installation, clients)
    for base_url in labs.values():
        faults(base_url, latency_ms=_LATENCY * 1000)
    with watched() as wire:
        _carried(installation, clients[:1])
    chain = chain_of(wire.calls)
    begun, cpu = time.perf_counter(), time.process_time()
    _carried(installation, clients)
    took, used = time.perf_counter() - begun, time.process_time() - cpu
    at_once = min(campaign.AT_ONCE, len(clients))
    plain = asyncio.run(again(asked, at_once))
    bound = asked.calls * _LATENCY / at_once
    chains = _LATENCY * chain * math.ceil(len(clients) / at_once)
    return Bench(
        name=name,
        value=round(took, 3),
        unit="s",
        baseline=Baseline(f"{asked.calls} requests x {_LATENCY} s / {at_once} clients at once", round(bound, 3)),
        ratio=round(took / bound, 3),
        target=f"ratio <= {_WALL}",
        met=took / bound <= _WALL,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "clients": len(clients),
            "users": _USERS,
            "latency_ms": _LATENCY * 1000,
            "clients_at_once": at_once,
            "our_cpu_s": round(used, 3),
            "our_cpu_of_a_client_s": round(used / len(clients), 4),
            "chain": chain,
            "latency_x_chain_x_rounds_s": round(chains, 3),
            "ours_by_that": round(took / chains, 2),
            "plain_httpx_s": round(plain, 3),
            "ours_by_plain": round(took / plain, 2),
        },
    )


def _memory(name: str, installation: Installation, labs: Mapping[str, str]) -> Bench:
    clients = list(labs)
    peaks = []
    few = max(1, len(clients) // 5)
    for some in (clients[:few], clients[few:]):
        _carried(installation, some)
        gc.collect()
        peaks.append(peak_rss_mb())
    growth = peaks[1] - peaks[0]
    return Bench(
        name=name,
        value=peaks[1],
        unit="MB",
        baseline=Baseline(f"the peak after {few} clients", peaks[0]),
        ratio=round(peaks[1] / peaks[0], 3),
        target=f"<= {_MEMORY_MB:g} MB, and at most {_GROWTH_MB:g} MB more after {len(clients)} clients",
        met=peaks[1] <= _MEMORY_MB and growth <= _GROWTH_MB,
        peak_rss_mb=peaks[1],
        detail={"clients": len(clients), "users": _USERS, "grown_mb": round(growth, 1)},
    )


def _prefect(name: str, installation: Installation, labs: Mapping[str, str]) -> Bench:
    """Each client's sweep as the flow of its runbook carries it."""
    steps = len(installation.catalog.get(complying.RUNBOOK).steps)
    flow_runs, task_runs = asyncio.run(_through_prefect(installation, list(labs)))
    each = task_runs / len(labs)
    return Bench(
        name=name,
        value=round(each, 2),
        unit="task runs a client",
        baseline=Baseline("the runbook's steps", steps),
        ratio=round(each / steps, 3),
        target=f"<= {_TASKS} task runs and one flow run a client",
        met=each <= _TASKS and flow_runs == len(labs),
        peak_rss_mb=peak_rss_mb(),
        detail={"clients": len(labs), "flow_runs": flow_runs, "task_runs": task_runs, "in_a_campaign": 0},
    )


async def _through_prefect(installation: Installation, clients: Sequence[str]) -> tuple[int, int]:
    """Flow runs and task runs that the server knows of, once it hears of no more."""
    from prefect import flow, get_client

    from flows.graph import PrefectSteps

    @flow(name="bench-compliance")
    async def sweep(run_id: str) -> None:
        state = installation.state(run_id)
        async with installation.access(state.tenant, state.mode, state.params) as access:
            must_complete(await Engine(installation.surroundings(), access).run(run_id, call=PrefectSteps()))

    for client in clients:
        await sweep(complying.begin(installation, client, (), _REQUESTER))
    counts: tuple[int, int] = (0, 0)
    async with get_client() as prefect:
        while True:  # what is told of task runs comes in behind the runs themselves
            before = counts
            counts = len(await prefect.read_flow_runs(limit=200)), len(await prefect.read_task_runs(limit=200))
            if counts == before and counts[0] >= len(clients):
                return counts
            await asyncio.sleep(_SETTLED_S)
