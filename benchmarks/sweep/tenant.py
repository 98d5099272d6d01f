"""The live sweep of a lab tenant, in another process: requests, wall clock at 50 ms, and memory.

What is counted is what goes over the wire. The least possible is worked out from the questions themselves: each different one once; what
is asked of one object after the other (an inbox, an application) packed into full batches; lists in pages as large as the vendor allows. Pages
and single cmdlets count as requests of their own; how few there were if these travelled in batches too stands beside it.

Wall clock is compared with requests x latency / concurrency, the concurrency being what a sweep takes of the tenant's turns. Beside it stand
the very same requests, sent again by plain httpx with nothing parsed and nothing waiting for another's answer, as many at a time, Exchange's
batches too (what the lab needs for its answers is in both); the same at another concurrency; and how many round trips follow upon one another,
told by how much longer a longer latency takes.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import yaml

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import LAB_TENANT, LabProcess, lab_process
from benchmarks.wire import Asked, again, listened
from flows.assembly import Installation
from flows.sweeping import TenantSweeping
from integrations.microsoft365.provider import Settings
from integrations.turns import of_background

_LATENCY: Final = 0.05
_LONG: Final = (0.3, 0.9)
_CONCURRENCY: Final[int] = of_background(Settings.model_fields["concurrency"].default)
"""Requests under way at once: a sweep leaves the other half of the tenant's turns to whoever has to act."""
_REQUESTS: Final = 1.2
_WALL: Final = 1.5
_MEMORY_MB: Final = 300.0
_GROWTH_MB: Final = 25.0
_MANY: Final = 20_000
_DAYS: Final = 30


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """One figure.

    Args:
        option: ``requests``, ``wall`` or ``memory``.
    """
    with Installation.open() as installation:
        found: Bench = {"requests": _requests, "wall": _wall, "memory": _memory}[str(option)](name, scale, installation)
    return found


# --- requests -----------------------------------------------------------------------------------------------------------


def _requests(name: str, scale: Scale, installation: Installation) -> Bench:
    users = 60 if scale.quick else 1_000
    with lab_process(installation, users=users, scenario=_scenario()) as _:
        asked = asyncio.run(_listened(installation))
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
        detail={
            "users": users,
            "if_all_travelled_in_batches": asked.least(all_in_batches=True),
            "questions_in_batches": sum(map(len, asked.batched.values())),
            "cmdlets_alone": len(asked.cmdlets),
            "lists_and_objects": sum(map(len, asked.singles.values())),
        },
    )


async def _listened(installation: Installation) -> Asked:
    async with installation.access(LAB_TENANT, "run") as access:
        with listened() as asked:
            await _sweep(installation, access)
    return asked


async def _sweep(installation: Installation, access: Any) -> Mapping[str, Any]:
    found = await TenantSweeping(installation, access).sweep("bench", datetime.now(UTC), _DAYS)
    looked = [check for check in found["checks"] if check["status"] in ("pass", "fail")]
    if not looked:
        raise BenchmarkFailed(f"nothing was looked at: {found['could_not_check'][:3]}")
    return found


def _scenario() -> str:
    """The clean tenant, where the lab has one."""
    from integrations.lab.scenarios import SCENARIOS

    return "clean" if "clean" in SCENARIOS else "quiet"


# --- wall clock ---------------------------------------------------------------------------------------------------------


def _wall(name: str, scale: Scale, installation: Installation) -> Bench:
    """In turns; the application is signed in beforehand, in a sweep that is not counted."""
    users = 60 if scale.quick else 1_000
    with lab_process(installation, users=users, scenario=_scenario()) as lab:
        asked, ours, plain = asyncio.run(_timed(installation, lab, 1 if scale.quick else scale.rounds))
        fewer = {n: _at(installation, n) for n in ((4,) if scale.quick else (4, 16))}
        in_a_row = []
        for latency in _LONG:
            lab.faults(latency_ms=latency * 1000)
            in_a_row.append(_at(installation, _CONCURRENCY))
    value = statistics.median(wall for wall, _ in ours)
    formula = asked.calls * _LATENCY / _CONCURRENCY
    ratio = value / formula
    return Bench(
        name=name,
        value=round(value, 3),
        unit="s",
        baseline=Baseline(f"requests x latency / concurrency, which is {_CONCURRENCY}", round(formula, 3)),
        ratio=round(ratio, 3),
        target=f"ratio <= {_WALL}",
        met=ratio <= _WALL,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "users": users,
            "requests": asked.calls,
            "latency_ms": _LATENCY * 1000,
            "ours_s": summary([wall for wall, _ in ours]),
            "ours_cpu_s": summary([cpu for _, cpu in ours]),
            "plain_s": summary(plain),
            "concurrency": _CONCURRENCY,
            "plain_by_the_baseline": round(statistics.median(plain) / formula, 2),
            "ours_by_plain": round(
                statistics.median(mine[0] / base for mine, base in zip(ours, plain, strict=True)), 2
            ),
            "ours_by_that_at_another_concurrency": {
                str(n): round(wall * n / (asked.calls * _LATENCY), 2) for n, wall in fewer.items()
            },
            "round_trips_in_a_row": round((in_a_row[1] - in_a_row[0]) / (_LONG[1] - _LONG[0]), 1),
        },
    )


async def _timed(
    installation: Installation, lab: LabProcess, rounds: int
) -> tuple[Asked, list[tuple[float, float]], list[float]]:
    ours: list[tuple[float, float]] = []
    plain: list[float] = []
    async with installation.access(LAB_TENANT, "run") as access:
        sweeping = TenantSweeping(installation, access)
        await sweeping.sweep("bench", datetime.now(UTC), _DAYS)
        with listened() as asked:
            await sweeping.sweep("bench", datetime.now(UTC), _DAYS)
        lab.faults(latency_ms=_LATENCY * 1000)
        for _ in range(rounds):
            plain.append(await again(asked, _CONCURRENCY))
            begun, cpu = time.perf_counter(), time.process_time()
            await sweeping.sweep("bench", datetime.now(UTC), _DAYS)
            ours.append((time.perf_counter() - begun, time.process_time() - cpu))
    return asked, ours, plain


def _at(installation: Installation, concurrency: int) -> float:
    """Seconds of a sweep that may have so many requests under way at once."""

    async def timed() -> float:
        async with installation.access(LAB_TENANT, "run") as access:
            await access.ahead({"directory", "mail_flow"})
            sweeping = TenantSweeping(installation, access)
            begun = time.perf_counter()
            await sweeping.sweep("bench", datetime.now(UTC), _DAYS)
            return time.perf_counter() - begun

    path = installation.home.tenants / f"{LAB_TENANT}.yaml"
    written = path.read_text(encoding="utf-8")
    file = yaml.safe_load(written)
    file["providers"]["m365"]["settings"]["concurrency"] = 2 * concurrency
    path.write_text(yaml.safe_dump(file), encoding="utf-8")
    try:
        return asyncio.run(timed())
    finally:
        path.write_text(written, encoding="utf-8")


# --- memory -------------------------------------------------------------------------------------------------------------


def _memory(name: str, scale: Scale, installation: Installation) -> Bench:
    """The peak after a small tenant, and how much further it goes in the same process with a large one."""
    few, many = (40, 120) if scale.quick else (1_000, _MANY)
    peaks = []
    for users in (few, many):
        with lab_process(installation, users=users, scenario=_scenario()):
            asyncio.run(_swept(installation))
        gc.collect()
        peaks.append(peak_rss_mb())
    growth = peaks[1] - peaks[0]
    return Bench(
        name=name,
        value=peaks[1],
        unit="MB",
        baseline=Baseline(f"the peak with {few:,} users", peaks[0]),
        ratio=round(peaks[1] / peaks[0], 3),
        target=f"<= {_MEMORY_MB:g} MB, and at most {_GROWTH_MB:g} MB more with {many:,} users",
        met=peaks[0] <= _MEMORY_MB and growth <= _GROWTH_MB,
        peak_rss_mb=peaks[1],
        detail={"users": [few, many], "grown_mb": round(growth, 1)},
    )


async def _swept(installation: Installation) -> None:
    async with installation.access(LAB_TENANT, "run") as access:
        await _sweep(installation, access)
