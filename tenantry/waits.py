"""Waiting because a vendor asked for it: it slows a step, is counted, and does not use up the step's own time.

Whoever calls a vendor says :func:`asked` before it waits. What is below a :func:`stretched` time limit gets that much longer;
what is below :func:`counted` has it in its sum, which the step's outcome then shows. Several calls that wait at the same time
count once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Waiting", "Waits", "asked", "counted", "for_all", "here", "stretched"]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Waits:
    """How often and how long, in seconds, vendors had somebody wait."""

    times: int = 0
    seconds: float = 0.0
    _until: float = 0.0

    def add(self, seconds: float) -> float:
        """Take one more wait that begins now into account; returns by how many seconds all of them together got longer."""
        now = time.monotonic()
        more = max(0.0, now + seconds - max(now, self._until))
        self._until = max(self._until, now + seconds)
        self.times += 1
        self.seconds += more
        return more


@dataclass(slots=True)
class _Limit:
    timeout: asyncio.Timeout
    waits: Waits


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whoever waits where a request is made: sums that count it, limits that it stretches."""

    counted: tuple[Waits, ...]
    limits: tuple[_Limit, ...]


_counting: ContextVar[tuple[Waits, ...]] = ContextVar("tenantry_waits", default=())
_limits: ContextVar[tuple[_Limit, ...]] = ContextVar("tenantry_waits_limits", default=())


@contextlib.contextmanager
def counted() -> Iterator[Waits]:
    """Sum up what is waited within the block, in tasks that begin there too."""
    waits = Waits()
    token = _counting.set((waits,))
    try:
        yield waits
    finally:
        _counting.reset(token)


@contextlib.contextmanager
def stretched(timeout: asyncio.Timeout) -> Iterator[None]:
    """Within the block, what a vendor asks to wait does not count against the time limit."""
    token = _limits.set((*_limits.get(), _Limit(timeout, Waits())))
    try:
        yield
    finally:
        _limits.reset(token)


def here() -> Waiting:
    """Who waits here, for a request that somebody else makes for several."""
    return Waiting(_counting.get(), _limits.get())


@contextlib.contextmanager
def for_all(waiting: Iterable[Waiting]) -> Iterator[None]:
    """Within the block, what is waited is waited by all of these."""
    together = list(waiting)
    counting = _counting.set(tuple(waits for one in together for waits in one.counted))
    limits = _limits.set(tuple(limit for one in together for limit in one.limits))
    try:
        yield
    finally:
        _limits.reset(limits)
        _counting.reset(counting)


def asked(vendor: str, what: str, seconds: float) -> None:
    """A vendor asked to wait before ``what``; call it right before waiting."""
    _log.warning("%s asks to wait %.1f s before %s", vendor, seconds, what, extra={"waited_seconds": round(seconds, 3)})
    for waits in _counting.get():
        waits.add(seconds)
    for limit in _limits.get():
        end = limit.timeout.when()
        more = limit.waits.add(seconds)
        if end is not None and more and not limit.timeout.expired():
            limit.timeout.reschedule(end + more)
