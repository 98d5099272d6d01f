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
_ROUNDS: Final = 9
_SLICES: Final = 5
_COUNT: Final = 320
"""Appends in a slice. A round of 1,600 writes more than SQLite keeps in its log: each round has the work of copying it into the
database."""
_PAGE: Final = 4096
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
    """Medians over rounds, each of appends and bare writes of as many bytes, a few hundred of one and of the other by turns.

    Args:
        option: how many writers append at once. Those of one run share transactions; each waits until its own is durable.
    """
    writers = int(option)
    rounds, slices, count = (1, 1, 40) if scale.quick else (_ROUNDS, _SLICES, _COUNT)
    ours: list[float] = []
    bare: list[float] = []
    roomy: list[float] = []
    with _journal() as (journal, folder):
        size = _bytes(journal)
        for _ in range(rounds):
            mine = base = 0.0
            with _file(folder) as grows:
                for _ in range(slices):
                    base += _bare(grows, size, count)
                    mine += asyncio.run(_appends(journal, writers, count))
            with _file(folder, room=size * count) as has_room:
                roomy.append(count / _bare(has_room, size, count))
            bare.append(slices * count / base)
            ours.append(slices * count / mine)
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
        detail={
            "entries_s": summary(ours, 1),
            "bare_s": summary(bare, 1),
            # The same into a file that is as long already as it will be, which spares the file system a transaction.
            "bare_in_place_s": summary(roomy, 1),
            "ratios": [round(mine / base, 3) for mine, base in zip(ours, bare, strict=True)],
            "bytes": size,
            "writers": writers,
        },
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


@contextmanager
def _file(folder: Path, room: int = 0) -> Iterator[int]:
    """A file to write to from its beginning; ``room``: bytes of zeros that are in it already."""
    path = folder / "bare.bin"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for at in range(0, room, _PAGE):  # page by page, as SQLite writes too
            os.pwrite(descriptor, bytes(_PAGE), at)
        os.fsync(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)
        path.unlink()


def _bare(descriptor: int, size: int, count: int) -> float:
    """Seconds to write that many bytes that many times, each synced."""
    data = os.urandom(size)
    begun = time.perf_counter()
    for _ in range(count):
        os.write(descriptor, data)
        os.fsync(descriptor)
    return time.perf_counter() - begun


async def _appends(journal: Journal, writers: int, count: int) -> float:
    """Seconds that so many appends take by that many callers at once."""
    if writers == 1:
        begun = time.perf_counter()
        for _ in range(count):
            journal.append(_TENANT, [_EVENT])
        return time.perf_counter() - begun
    writer = Writer(journal, _TENANT, None)

    async def one() -> None:
        for _ in range(count // writers):
            await writer.append(_EVENT)

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(writers)))
    took = time.perf_counter() - begun
    await writer.close()
    return took
