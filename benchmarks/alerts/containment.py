"""From POST to the first containment call at the lab: kept, decided, recorded, begun in a warm child while Prefect is told.

Beside it Prefect's ``serve()`` as it comes, from the creation of a flow run; what a stock automation takes before that is not counted.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Final

from benchmarks.alerts.sender import alert, send
from benchmarks.alerts.stage import alerting, wait_for
from benchmarks.alerts_start.latency import one
from benchmarks.alerts_start.stage import starter, stock
from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, quantile, summary
from benchmarks.registry import BenchmarkFailed

_ALERTS: Final = 20
"""Fewer than begin a storm."""
_WARM: Final = 3
_P50_S: Final = 0.05
_P95_S: Final = 0.15
_RATIO: Final = 100.0
_PATIENCE_S: Final = 120.0


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """Seconds."""
    del option
    wanted, theirs = (3, 1) if scale.quick else (_ALERTS, 2)
    with alerting(wanted + _WARM + theirs) as (stand, lab, accounts, url), starter(stand) as start:
        left = iter(accounts)
        ours = []
        for number in range(wanted + _WARM):
            time.sleep(0.5 + 0.5 * random.random())  # polls are met at any moment
            account = next(left)
            began = time.time()
            (answer,) = asyncio.run(send(url, [alert(f"a{number}", account)], 1))
            if answer.status != 202:
                raise BenchmarkFailed(f"the intake answered {answer.status}")
            at = wait_for(lab, {account}, _PATIENCE_S)[account]
            if number >= _WARM:
                ours.append(at - began)
        with stock(stand, "bench_one", None):
            stocks = [one(lab, start, "stock", next(left)) for _ in range(theirs)]
        memory = peak_rss_mb()
    p50, p95, beside = quantile(ours, 0.5), quantile(ours, 0.95), quantile(stocks, 0.5)
    return Bench(
        name=name,
        value=round(p50, 3),
        unit="s",
        target=f"p50 ≤ {_P50_S} s, p95 ≤ {_P95_S} s, ≥ {_RATIO:g} × sooner than serve() at its default",
        met=p50 <= _P50_S and p95 <= _P95_S and beside / p50 >= _RATIO,
        peak_rss_mb=memory,
        baseline=Baseline("prefect serve(), default polling", round(beside, 3)),
        ratio=round(beside / p50, 1),
        detail={"ours": summary(ours), "serve_default": summary(stocks)},
    )
