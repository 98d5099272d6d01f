"""How long it takes to export a very long timeline, and in how much memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from benchmarks.journal.verify import event_at
from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb
from benchmarks.registry import BenchmarkFailed
from tenantry.home import Home
from tenantry.journal import Event, Journal
from tenantry.timeline import format_named, stream

_TARGET_S: Final = 60.0
_TARGET_MB: Final = 300.0
_KEY: Final = b"k" * 32
_RUN: Final = "7f3a9c21d4e84b6f"
_BATCH: Final = 1000


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """One export of a run of 1,000,000 entries from the record to a file. The baseline writes as many bytes, line by line.

    Args:
        option: the format.
    """
    events = 3_000 if scale.quick else 1_000_000
    home = Home.locate()
    journal = Journal(f"sqlite:///{home.path / f'timeline-{option}.db'}", lambda _tenant: _KEY)
    out = home.path / f"timeline.{option}"
    try:
        _fill(journal, events)
        begun = time.perf_counter()
        with out.open("wb") as file:
            written = format_named(str(option)).export(stream(journal, _RUN, runbook=lambda _run, _text: None), file)
        value = time.perf_counter() - begun
    finally:
        journal.close()
    if written < events:
        raise BenchmarkFailed(f"{written} of {events} events were exported")
    size, peak = out.stat().st_size, peak_rss_mb()
    baseline = _bare(out.with_suffix(".bare"), size, written)
    return Bench(
        name=name,
        value=round(value, 2),
        unit="s",
        baseline=Baseline("writing as many bytes line by line", round(baseline, 2)),
        ratio=round(value / baseline, 2),
        target=f"value <= {_TARGET_S:g} s for 1,000,000 events, peak memory < {_TARGET_MB:g} MB",
        met=value * 1_000_000 / events <= _TARGET_S and peak < _TARGET_MB,
        peak_rss_mb=peak,
        detail={"events": written, "bytes": size},
    )


def _fill(journal: Journal, events: int) -> None:
    runbook = {"id": "business_email_compromise", "version": "1", "digest": "0" * 64, "text": ""}
    created = {
        "tenant": "bench",
        "runbook": runbook,
        "params": {},
        "mode": "run",
        "subject": "bench",
        "requester": {"person": None, "proven": False, "via": "bench"},
    }
    journal.append("bench", [Event("run.created", created, _RUN, flow=("business_email_compromise", "1"))])
    for at in range(0, events, _BATCH):
        journal.append("bench", [event_at(at + one) for one in range(_BATCH)])


def _bare(path: Path, size: int, lines: int) -> float:
    line = b"x" * (size // lines)
    begun = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(lines):
            file.write(line)
    return time.perf_counter() - begun
