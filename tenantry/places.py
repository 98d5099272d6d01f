"""Where the data that operators edit lies: their own folder first, then what is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tenantry.home import Home

__all__ = ["SHIPPED", "folders"]

SHIPPED: Final = Path(__file__).resolve().parent.parent / "runbooks"
"""The project's own ``runbooks/``."""


def folders(kind: str, home: Home | None = None) -> tuple[Path, ...]:
    """The folders of one kind of data (``messages``, ``clocks`` …), in the order in which a name is looked for.

    Args:
        home: the machine's home; ``TENANTRY_HOME`` or the platform's own folder when omitted.
    """
    return ((home or Home.locate()).runbooks / kind, SHIPPED / kind)
