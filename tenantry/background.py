"""Whether what is being done has time: it then leaves room at the vendors to those who do not wait (`integrations/turns.py`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["has_time", "in_background"]

_behind: ContextVar[bool] = ContextVar("tenantry_behind", default=False)


@contextlib.contextmanager
def in_background() -> Iterator[None]:
    """What is asked of a vendor within the block, and in what is begun there, has time."""
    token = _behind.set(True)
    try:
        yield
    finally:
        _behind.reset(token)


def has_time() -> bool:
    """Within :func:`in_background`."""
    return _behind.get()
