"""How many runs of a five-step runbook come through a second when 200 are created at once."""

from __future__ import annotations

import time
from typing import Any, Final

from benchmarks.alerts_start.stage import service, starter
from benchmarks.model import Bench, Scale, peak_rss_mb
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import LAB_TENANT
from flows.assembly import Installation

_RUNS: Final = 200
_TARGET: Final = 4.0
_PATIENCE_S: Final = 170.0


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """Runs per second, from the first creation to the last run's end in the record."""
    del option
    runs = 8 if scale.quick else _RUNS
    with (
        service(10) as (stand, _, accounts),
        starter(stand) as start,
        Installation.open(stand.home) as installation,
    ):
        start("bench_burst", "tenantry", accounts[0])
        until_completed(installation, 1, 120.0)
        began = time.monotonic()
        for number in range(runs):
            start("bench_burst", "tenantry", accounts[number % len(accounts)])
        created = time.monotonic() - began
        ended = until_completed(installation, runs + 1, _PATIENCE_S) - 1
        seconds = time.monotonic() - began
    rate = ended / seconds
    return Bench(
        name=name,
        value=round(rate, 2),
        unit="runs/s",
        target=f"≥ {_TARGET:g} runs/s in a burst of {_RUNS}; every run ends completed",
        met=rate >= _TARGET and ended == runs,
        peak_rss_mb=peak_rss_mb(),
        detail={"runs": runs, "ended": ended, "seconds": round(seconds, 1), "created_after_s": round(created, 1)},
    )


def until_completed(installation: Installation, count: int, patience: float) -> int:
    """Wait for so many completed runs, or as long as the patience lasts; returns how many there are."""
    deadline = time.monotonic() + patience
    while True:
        standing = [index.standing for index in installation.journal.runs(LAB_TENANT)]
        bad = {text for text in standing if text not in ("created", "running", "completed")}
        if bad:
            raise BenchmarkFailed(f"a measured run ended as {', '.join(sorted(bad))}")
        done = standing.count("completed")
        if done >= count or time.monotonic() > deadline:
            return done
        time.sleep(0.1)
