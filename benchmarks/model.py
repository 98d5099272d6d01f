"""The shape of a figure, and the few statistics that figures are made of."""

from __future__ import annotations

import math
import resource
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Baseline", "Bench", "Scale", "peak_rss_mb", "quantile", "summary"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the figure is compared with: measured in the same process, interleaved with it."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Bench:
    """One figure (``Bench`` of the command line's contract).

    Attributes:
        value: the figure, in ``unit``; the baseline has the same unit.
        ratio: value / baseline.
        target: what must hold, in words.
        met: whether it held in this run.
        peak_rss_mb: the largest resident set of the process that was measured, in MB of 2^20 bytes.
        detail: how it was measured, and everything that it was made of.
    """

    name: str
    value: float
    unit: str
    target: str
    met: bool
    peak_rss_mb: float
    baseline: Baseline | None = None
    ratio: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON, in the contract's order."""
        found = asdict(self)
        order = ("name", "value", "unit", "baseline", "ratio", "target", "met", "peak_rss_mb", "detail")
        return {key: found[key] for key in order}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. The quick one shows that a benchmark works; its figures say little."""

    steps: int = 150
    rounds: int = 5
    starts: int = 7
    quick: bool = False

    @classmethod
    def small(cls) -> Scale:
        return cls(steps=4, rounds=1, starts=1, quick=True)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of them lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(values: Sequence[float], digits: int = 3) -> dict[str, float | int]:
    """``{n, p50, mean, p95, min, max}``."""
    return {
        "n": len(values),
        "p50": round(statistics.median(values), digits),
        "mean": round(statistics.fmean(values), digits),
        "p95": round(quantile(values, 0.95), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


def peak_rss_mb(pid: int | str = "self") -> float:
    """The largest resident set that a process has had so far. On Linux VmHWM, because ``ru_maxrss`` begins with the
    size of the process that was forked; elsewhere ``ru_maxrss``, for this process alone.
    https://man7.org/linux/man-pages/man5/proc_pid_status.5.html"""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    if pid != "self":
        return math.nan
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(size / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)
