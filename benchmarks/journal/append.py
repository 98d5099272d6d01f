"""Durable appends a second: the journal against writing and syncing the same bytes to a plain file."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from tenantry.home import Home
from tenantry.journal import Event, Journal, Writer
from tenantry.journal.entry import seal

_TARGET: Final = 0.6
_TENANT: Final = "bench"
_KEY: Final = b"k" * 32
_EVENT: Final = Event(
    "step.outcome",
    {"item": "anna.berg@acme.example", "task": "identity.disable_sign_in", "note": None, "changes": []},
    run_id="7f3a9c21d4e84b6f",
    step="block",
    attempt=1,
    outcome="changed",
    flow=("business_email_compromise", "1"),
)


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """Medians over rounds, each a few hundred appends beside as many bare writes of as many bytes.

    Args:
        option: how many writers append at once. Those of one run share transactions; each waits until its own is durable.
    """
    writers = int(option)
    count = 40 if scale.quick else 400
    rounds = 1 if scale.quick else 9
    ours: list[float] = []
    bare: list[float] = []
    with _journal() as (journal, folder):
        size = _bytes(journal)
        for _ in range(rounds):
            bare.append(_bare(folder, size, count))
            ours.append(asyncio.run(_appends(journal, writers, count)))
    value, baseline = statistics.median(ours), statistics.median(bare)
    ratio = statistics.median(mine / base for mine, base in zip(ours, bare, strict=True))
    return Bench(
        name=name,
        value=round(value, 1),
        unit="entries/s",
        baseline=Baseline("bare write and fsync of the same bytes", round(baseline, 1)),
        ratio=round(ratio, 3),
        target=f"ratio >= {_TARGET}",
        met=ratio >= _TARGET,
        peak_rss_mb=peak_rss_mb(),
        detail={"entries_s": summary(ours, 1), "bare_s": summary(bare, 1), "bytes": size, "writers": writers},
    )


@contextmanager
def _journal() -> Iterator[tuple[Journal, Path]]:
    home = Home.locate()
    journal = Journal(f"sqlite:///{home.path / 'append.db'}", lambda _tenant: _KEY)
    try:
        yield journal, home.path
    finally:
        journal.close()


def _bytes(journal: Journal) -> int:
    """What one entry stores: its body, its leaf, its sealed payload."""
    (entry,) = journal.append(_TENANT, [_EVENT])
    sealed, _ = seal(b"x" * 100, key=_KEY, entry_id=entry.id)
    return len(entry.body) + len(entry.leaf) + len(sealed)


def _bare(folder: Path, size: int, count: int) -> float:
    """Appends a second of that many bytes to a file, each synced."""
    path, data = folder / "bare.bin", os.urandom(size)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        begun = time.perf_counter()
        for _ in range(count):
            os.write(descriptor, data)
            os.fsync(descriptor)
        return count / (time.perf_counter() - begun)
    finally:
        os.close(descriptor)
        path.unlink()


async def _appends(journal: Journal, writers: int, count: int) -> float:
    """Appends a second by that many callers at once."""
    if writers == 1:
        begun = time.perf_counter()
        for _ in range(count):
            journal.append(_TENANT, [_EVENT])
        return count / (time.perf_counter() - begun)
    writer = Writer(journal, _TENANT, None)

    async def one() -> None:
        for _ in range(count // writers):
            await writer.append(_EVENT)

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(writers)))
    took = time.perf_counter() - begun
    await writer.close()
    return count // writers * writers / took
