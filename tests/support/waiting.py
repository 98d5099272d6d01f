"""Waiting for something that another process does: often at first, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_SHORTEST: Final = 0.02
_LONGEST: Final = 0.15
"""Seconds between two looks, the more the longer it takes: looking takes processors from what is waited for."""


def until(holds: Callable[[], bool], otherwise: str | Callable[[], str], *, seconds: float = 60.0) -> None:
    """Return as soon as ``holds()``.

    Args:
        otherwise: what to say when it does not; asked for then, when it is a function.

    Raises:
        AssertionError: after ``seconds``; generous, because machines are slow and shared.
    """
    begun = time.monotonic()
    while not holds():
        waited = time.monotonic() - begun
        assert waited < seconds, otherwise if isinstance(otherwise, str) else otherwise()
        time.sleep(min(_SHORTEST + waited / 20, _LONGEST))
