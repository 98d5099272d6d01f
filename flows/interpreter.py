"""How Python is set in processes that carry runs, and in Prefect's server, which shows them."""

from __future__ import annotations

import gc
import sys
from typing import Final

__all__ = ["begin", "settle"]

_OBJECTS: Final = 20_000
"""New objects between two looks at the youngest; Python's own 700 are some 1,500 looks in a run over a hundred accounts."""

_SWITCH: Final = 0.0005
"""Seconds until a thread that computes lets another one have the interpreter; Python's own 5 ms are for those that compute for long.
What is recorded is written in a thread, which lets go of the interpreter at each word to SQLite: it would wait so long each time."""


def begin() -> None:
    """Before much is imported: what that makes stays, and looking through it for garbage again and again was a fifth of the time that
    Prefect's server took to be there. :func:`settle` ends it."""
    gc.disable()


def settle() -> None:
    """When everything is imported: what is there stays, and is looked at no more. (In a forked child the first look would also
    copy every page.) What comes is looked at less often: nearly all of it goes by itself."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
    sys.setswitchinterval(_SWITCH)
