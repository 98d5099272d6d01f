"""Waiting for something that another process does: often, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], otherwise: str | Callable[[], str], *, seconds: float = 60.0) -> None:
    """Return as soon as ``holds()``.

    Args:
        otherwise: what to say when it does not; asked for then, when it is a function.

    Raises:
        AssertionError: after ``seconds``; generous, because machines are slow and shared.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise if isinstance(otherwise, str) else otherwise()
        time.sleep(0.02)
