"""How long from ``create_flow_run_from_deployment`` in another process to the first effect at the lab.

In one run of this benchmark, one after the other: our worker, Prefect's ``serve()`` polling every second, and ``serve()`` as it
comes (every ten seconds). The runbook, the lab and Prefect's server are the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.alerts_start.stage import Service, first_writes, service, starter, stock
from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, quantile, summary
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import LabProcess

_STARTS: Final = 50
_STOCK: Final = {None: 3, 1.0: 4}
"""Poll in seconds (None: Prefect's default) → repetitions; each takes its time."""
_P50_S: Final = 0.35
_P95_S: Final = 1.0
_RATIOS: Final = {None: 12.0, 1.0: 6.0}
_PATIENCE_S: Final = 60.0


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """Seconds to the first effect at our worker, against ``serve()`` at default polling."""
    del option
    starts = 3 if scale.quick else _STARTS
    wanted = {poll: 1 if scale.quick else count for poll, count in _STOCK.items()}
    with service(starts + sum(wanted.values()) + 3) as (stand, lab, accounts), starter(stand) as start:
        left = iter(accounts)
        _warm_up(stand, lab, start, left)
        ours = [one(lab, start, "tenantry", next(left)) for _ in range(starts)]
        theirs: dict[float | None, list[float]] = {}
        for poll, count in sorted(wanted.items(), key=lambda pair: pair[0] is None):
            with stock(stand, "bench_one", poll):
                theirs[poll] = [one(lab, start, "stock", next(left)) for _ in range(count)]
        memory = peak_rss_mb()
    p50, p95 = quantile(ours, 0.5), quantile(ours, 0.95)
    ratios = {poll: quantile(found, 0.5) / p50 for poll, found in theirs.items()}
    met = p50 <= _P50_S and p95 <= _P95_S and all(ratios[poll] >= _RATIOS[poll] for poll in ratios)
    return Bench(
        name=name,
        value=round(p50, 3),
        unit="s",
        target=f"p50 ≤ {_P50_S} s, p95 ≤ {_P95_S} s; ≥ 12 × sooner than serve() at its default, ≥ 6 × than at 1 s",
        met=met,
        peak_rss_mb=memory,
        baseline=Baseline("prefect serve(), default polling", round(quantile(theirs[None], 0.5), 3)),
        ratio=round(ratios[None], 1),
        detail={
            "ours": summary(ours),
            "serve_default": summary(theirs[None]),
            "serve_1s": summary(theirs[1.0]),
            "ratio_1s": round(ratios[1.0], 1),
        },
    )


def _warm_up(stand: Service, lab: LabProcess, start: Callable[[str, str, str], dict[str, float]], left: Any) -> None:
    """Until the service registered its deployments and its children are warm."""
    deadline = time.monotonic() + _PATIENCE_S * 2
    log = stand.home.run / "worker.log"
    for _ in range(3):
        if time.monotonic() > deadline:
            raise BenchmarkFailed(log.read_text(encoding="utf-8", errors="replace")[-1000:])
        one(lab, start, "tenantry", next(left), patience=_PATIENCE_S * 2)


def one(
    lab: LabProcess,
    start: Callable[[str, str, str], dict[str, float]],
    deployment: str,
    account: str,
    *,
    patience: float = _PATIENCE_S,
) -> float:
    """Seconds. At no fixed distance from the last one, so that polling is met at any moment."""
    time.sleep(0.4 + 0.6 * random.random())  # spreads starts over polls
    began = start("bench_one", deployment, account)["began"]
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        time.sleep(0.1)
        at = first_writes(lab).get(account)
        if at is not None:
            return at - began
    raise BenchmarkFailed(f"a run on {account} had no effect within {patience:g} s")
