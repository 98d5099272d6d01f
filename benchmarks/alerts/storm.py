"""Many alerts at once: ``intake``, how many distinct ones are kept durably in a second; ``storm``, 10,000 of which 200 are distinct, on 20 accounts."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.alerts.sender import Sent, alert, send
from benchmarks.alerts.stage import alerting, decided, wait_for
from benchmarks.alerts_start.stage import Service
from benchmarks.model import Bench, Scale, peak_rss_mb, quantile, summary
from benchmarks.registry import BenchmarkFailed
from benchmarks.stage import LAB_TENANT
from flows.assembly import Installation

_CONNECTIONS: Final = 32
_TAKEN: Final = 1_500
_PER_SECOND: Final = 500.0
_P99_S: Final = 0.2
_STORM: Final = (10_000, 200, 20)
_LATEST_S: Final = 3.0
_FLAT_MB: Final = 64.0
"""By which a process that takes part in the storm may grow and still be called flat."""
_PATIENCE_S: Final = 300.0


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """Alerts a second, or seconds to the last of the first containments."""
    return _storm(name, scale) if option == "storm" else _intake(name, scale)


def _intake(name: str, scale: Scale) -> Bench:
    count = 100 if scale.quick else _TAKEN
    with alerting(1) as (stand, _, accounts, url):
        _warm(url, accounts[0])
        messages = [alert(f"i{n}", f"nobody{n % 50}@example.invalid", f"k{n}", "low") for n in range(count)]
        began = time.perf_counter()
        sent = asyncio.run(send(url, messages, _CONNECTIONS))
        took = time.perf_counter() - began
        left = _until_decided(stand)
    rate, p99 = count / took, quantile([one.seconds for one in sent], 0.99)
    kept = all(one.status == 202 for one in sent) and left == {"queue", "merged"}
    return Bench(
        name=name,
        value=round(rate, 1),
        unit="alerts/s",
        target=f"≥ {_PER_SECOND:g}/s kept durably before they are acknowledged, p99 ≤ {_P99_S} s",
        met=kept and rate >= _PER_SECOND and p99 <= _P99_S,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "p99_s": round(p99, 3),
            "answers_s": summary([one.seconds for one in sent]),
            "connections": _CONNECTIONS,
        },
    )


def _storm(name: str, scale: Scale) -> Bench:
    count, distinct, entities = (200, 20, 4) if scale.quick else _STORM
    with alerting(entities + 1) as (stand, lab, accounts, url):
        _warm(url, accounts[entities])
        asyncio.run(send(url, [alert("first", accounts[entities])], 1))
        wait_for(lab, {accounts[entities]}, _PATIENCE_S)  # the service has registered its runbooks by then
        about = accounts[:entities]
        kinds = [(f"k{n}", about[n % entities]) for n in range(distinct)]
        chosen = [*kinds, *(random.choice(kinds) for _ in range(count - distinct))]
        messages = [alert(f"s{n}", account, kind) for n, (kind, account) in enumerate(chosen)]
        before = {pid: peak_rss_mb(pid) for pid in _children(stand)}
        began = time.time()
        sent = asyncio.run(send(url, messages, _CONNECTIONS))
        took = time.time() - began
        first = wait_for(lab, set(about), _PATIENCE_S)
        left = _until_decided(stand)
        runs = _runs(stand)
        peaks = {pid: peak_rss_mb(pid) for pid in _children(stand)}
    memory = max(peaks.values())
    grew = max(peaks[pid] - before.get(pid, 0.0) for pid in peaks)
    latest = max(first[account] for account in about) - began
    lost = sum(1 for one in sent if one.status != 202 or len(one.ids) != 1)
    return Bench(
        name=name,
        value=round(latest, 2),
        unit="s",
        target=f"{count} alerts on {entities} accounts: none lost, no more runs than incidents, the last first containment ≤ {_LATEST_S:g} s, memory flat",
        met=lost == 0
        and runs == entities + 1
        and latest <= _LATEST_S
        and left <= {"run", "merged"}
        and grew <= _FLAT_MB,
        peak_rss_mb=memory,
        detail={
            "lost": lost,
            "runs": runs - 1,
            "taken_per_s": round(count / took, 1),
            "first_containments_s": summary([first[account] - began for account in about]),
            "grew_mb": round(grew, 1),
            "told_to_wait": sum(one.waits for one in sent),
        },
    )


def _warm(url: str, account: str) -> None:
    """Until the intake answers and knows its sources."""
    deadline = time.monotonic() + 60
    while True:
        found: Sequence[Sent] = asyncio.run(send(url, [alert("warm", account, "warm", "low")], 1))
        if found and found[0].status == 202:
            return
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"the intake answered {found[0].status if found else 'nothing'}")
        time.sleep(0.5)


def _until_decided(stand: Service) -> set[str]:
    deadline = time.monotonic() + _PATIENCE_S
    while (found := decided(stand)).get("accepted"):
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"{found['accepted']} alerts were never decided on")
        time.sleep(0.2)
    return set(found) - {"queue"} if set(found) == {"queue", "run", "merged"} else set(found)


def _runs(stand: Service) -> int:
    """That alerts began."""
    with Installation.open(stand.home) as installation:
        found = installation.journal.runs(LAB_TENANT)
        return sum(1 for one in found if installation.state(one.run_id).started_itself)


def _children(stand: Service) -> list[int]:
    """The service's processes that have to do with alerts, by their command lines."""
    from pathlib import Path

    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes()
            environment = (path.parent / "environ").read_bytes()
        except OSError:
            continue  # it has ended
        if b"console.web" in text or (b"flows.worker_process" in text and str(stand.home.path).encode() in environment):
            found.append(int(path.parent.name))
    return found
