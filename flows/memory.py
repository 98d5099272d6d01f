"""How Python looks for cycles in processes that carry runs."""

from __future__ import annotations

import gc
from typing import Final

__all__ = ["settle"]

_OBJECTS: Final = 20_000
"""New objects between two looks at the youngest; Python's own 700 are some 1,500 looks in a run over a hundred accounts."""


def settle() -> None:
    """When everything is imported: what is there stays, and is looked at no more. (In a forked child the first look would also
    copy every page.) What comes is looked at less often: nearly all of it goes by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
