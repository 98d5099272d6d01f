"""Alerts of one tenant as its vendor lists them, for those who ask instead of being told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class SecurityAlert(BaseModel):
    """One alert, as the vendor wrote it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str
    """Which source of `tenantry.alerts.sources` reads it."""
    id: str
    """The vendor's own."""
    updated_at: datetime
    """With the id it tells whether this state of the alert was seen already."""
    raw: dict[str, Any]


@runtime_checkable
class SecurityAlerts(Protocol):
    """Provider contract."""

    def alerts(self, since: datetime) -> AsyncIterator[SecurityAlert]:
        """Every alert that was updated since then, that moment included, open or over, in any order; constant memory.

        Raises:
            ProviderError: not all of them could be listed. What came before counts, and that there is more is known.
        """
        ...
