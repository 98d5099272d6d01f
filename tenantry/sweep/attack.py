"""Technique ids of MITRE ATT&CK, in both editions where one renumbers them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["both_editions"]

_RENUMBERED: Final = {
    "T1562": ("T1685",),
    "T1562.001": ("T1685.001",),
    "T1562.006": ("T1685.006",),
    "T1562.007": ("T1685.007",),
    "T1562.008": ("T1685.008",),
    "T1562.012": ("T1685.012",),
}
"""ATT&CK renumbers tampering with logs and defences; readers of either edition find the technique."""


def both_editions(ids: Iterable[str]) -> tuple[str, ...]:
    """The ids with their new numbers behind them, each once."""
    return tuple(dict.fromkeys(one for id in ids for one in (id, *_RENUMBERED.get(id, ()))))
