"""Technique ids of MITRE ATT&CK, in both editions where one renumbers them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["both_editions"]

_RENUMBERED: Final = {
    "T1562": ("T1685",),
    "T1562.001": ("T1685",),
    "T1562.002": ("T1685.001",),
    "T1562.003": ("T1690",),
    "T1562.004": ("T1686",),
    "T1562.006": ("T1685",),
    "T1562.007": ("T1686.001",),
    "T1562.008": ("T1685.002",),
    "T1562.009": ("T1688",),
    "T1562.010": ("T1689",),
    "T1562.011": ("T1685.003",),
    "T1562.012": ("T1685.004",),
    "T1562.013": ("T1686.002",),
    "T1070.001": ("T1685.005",),
    "T1070.002": ("T1685.006",),
    "T1656": ("T1684.001",),
    "T1672": ("T1684.002",),
}
"""What version 19 (April 2026) revoked, and by what: https://attack.mitre.org/resources/updates/updates-april-2026/. Readers of either
edition find the technique."""


def both_editions(ids: Iterable[str]) -> tuple[str, ...]:
    """The ids with their new numbers behind them, each once."""
    return tuple(dict.fromkeys(one for id in ids for one in (id, *_RENUMBERED.get(id, ()))))
