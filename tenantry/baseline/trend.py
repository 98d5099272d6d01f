"""How a client's standing has moved from sweep to sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Point", "direction", "points"]


@dataclass(frozen=True, slots=True)
class Point:
    """How a client stood after one sweep.

    Attributes:
        at: of the sweep, RFC 3339.
        counts: status → how many policies, over every baseline that was ever looked at until then.
    """

    at: str
    counts: Mapping[str, int]

    @property
    def unmet(self) -> int:
        """Policies that fail, whether or not somebody answers for it."""
        return self.counts.get("fail", 0) + self.counts.get("excepted", 0)


def points(sweeps: Iterable[Mapping[str, Any]]) -> list[Point]:
    """One for each sweep. A baseline that a sweep did not look at stands as it did when somebody looked last.

    Args:
        sweeps: the oldest first, each ``{at, baselines: [{baseline, statuses}]}``, as `compliance.assess` has them in its output.
    """
    stands: dict[str, Mapping[str, int]] = {}
    found: list[Point] = []
    for sweep in sweeps:
        stands |= {one["baseline"]: one["statuses"] for one in sweep["baselines"]}
        total: Counter[str] = Counter()
        for counts in stands.values():
            total.update(counts)
        found.append(Point(sweep["at"], {status: count for status, count in total.items() if count}))
    return found


def direction(trend: list[Point]) -> Literal["new", "better", "worse", "same"]:
    """Of the last sweep against the one before it, by what is not met."""
    if len(trend) < 2:
        return "new"
    moved = trend[-1].unmet - trend[-2].unmet
    return "worse" if moved > 0 else "better" if moved < 0 else "same"
