"""Until when the current effect may still send a write.

The run's lease outlives every effect's deadline, and a new owner waits for it before it re-checks what is in doubt. That
only holds if a process that was suspended (a paused machine, a swapped-out container) cannot wake up and send a stale
write: so whoever sends writes calls :func:`check` right before. Wall clock and monotonic clock both count, because either
may stand still while a machine sleeps.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from tenantry.errors import TimedOut


@dataclass(frozen=True, slots=True)
class _Deadline:
    wall: float
    monotonic: float


_current: ContextVar[_Deadline | None] = ContextVar("tenantry_deadline", default=None)


@contextlib.contextmanager
def effect(seconds: float) -> Iterator[None]:
    """Within the block, writes may be sent for ``seconds`` from now."""
    token = _current.set(_Deadline(time.time() + seconds, time.monotonic() + seconds))
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def lifted() -> Iterator[None]:
    """Within the block there is no deadline: for what an effect begins and others wait for as well (a sign-in), and that is no write."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def remaining() -> float | None:
    """Seconds left for the current effect, never below 0; None outside of an effect."""
    deadline = _current.get()
    if deadline is None:
        return None
    return max(0.0, min(deadline.wall - time.time(), deadline.monotonic - time.monotonic()))


def check() -> None:
    """Raises TimedOut when the current effect's deadline has passed. Call it right before a write is sent."""
    if remaining() == 0.0:
        raise TimedOut("the effect's deadline passed before its write was sent; nothing was sent")
