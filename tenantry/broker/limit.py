"""How often the broker may be asked: token buckets, one for each key."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Buckets", "Rate"]

_MANY = 4_096


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` at once, then ``per_second``."""

    burst: int
    per_second: float


class Buckets:
    """One bucket for each key; full when first seen. Not thread-safe: the broker's event loop owns it."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._level: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> float:
        """Take one; 0.0 when there was one, else the seconds until there will be."""
        now = self._clock()
        level, at = self._level.get(key, (float(self._rate.burst), now))
        level = min(float(self._rate.burst), level + (now - at) * self._rate.per_second)
        if level < 1.0:
            self._level[key] = (level, now)
            return (1.0 - level) / self._rate.per_second
        self._level[key] = (level - 1.0, now)
        if len(self._level) > _MANY:
            self._forget(now)
        return 0.0

    def look(self, key: str) -> float:
        """As `take`, and leaves it there."""
        level, at = self._level.get(key, (float(self._rate.burst), self._clock()))
        level += (self._clock() - at) * self._rate.per_second
        return 0.0 if level >= 1.0 else (1.0 - level) / self._rate.per_second

    def _forget(self, now: float) -> None:
        """Buckets that are full again are as good as new ones."""
        full = self._rate.burst / self._rate.per_second
        self._level = {key: (level, at) for key, (level, at) in self._level.items() if now - at < full}
