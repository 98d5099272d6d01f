"""Health checks and looks at recovered data, asked as a plan says them (:mod:`tenantry.disaster.probes`). The installation provides it:
pages and ports are asked for from here, commands and queries over the client's own hosts. Reads only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

__all__ = ["ProbeAnswer", "Probing"]


class ProbeAnswer(BaseModel):
    """What was answered to one probe. Nothing of it is judged yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked: bool = True
    """False: it could not be asked (no such provider, not signed in), which says nothing about the system."""
    error: str = ""
    """Why there is no answer: no connection, a certificate that is not good, a time that is over."""
    text: str = ""
    """Body, output, first words or value, the first 256 KiB."""
    status: int | None = None
    """Of HTTP, or the exit status."""
    certificate_until: datetime | None = None
    count: int | None = None
    """Rows or files."""
    newest: datetime | None = None
    """Time of the newest of them."""
    rehearsed: bool = False
    """In a drill: nothing was asked."""


@runtime_checkable
class Probing(Protocol):
    async def ask(self, probe: Any) -> ProbeAnswer:
        """Ask once. ``probe`` is one of :mod:`tenantry.disaster.probes`. Raises nothing for a system that does not answer."""
        ...
