"""When a secret needs attention: it expires, or its day of replacement has come.

A secret is told of early enough that the person who must act works on a weekday: thirty days before it expires, or from the day on
which it is to be replaced where that comes later and before its end (what lives for hours is not due all its life). One without dates is never due here; how old it is stands beside it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from tenantry.errors import TenantryError
from tenantry.names import MSP
from tenantry.secretstore import SecretVersion
from tenantry.vault import Vault

__all__ = ["NOTICE", "Due", "due", "due_everywhere"]

NOTICE: Final = timedelta(days=30)
"""How long before it expires a secret is told of."""


_SHORT_LIVED: Final = frozenset({"drop key"})
"""Made to last for days, and taken away by those who made them."""


@dataclass(frozen=True, slots=True)
class Due:
    """A secret that needs attention.

    Attributes:
        why: ``expired``, ``expires`` (within the notice) or ``rotate`` (its day has come).
        at: when it expires or expired, or was to be replaced.
    """

    tenant: str
    name: str
    why: Literal["expired", "expires", "rotate"]
    at: datetime
    text: str
    version: int = 0
    """The newest, which it is about."""


def due(stored: Iterable[SecretVersion], now: datetime, notice: timedelta = NOTICE) -> list[Due]:
    """Which of these need attention, the most urgent first; each once, by its gravest reason."""
    found = []
    for one in stored:
        if one.kind in _SHORT_LIVED:
            continue
        if one.expires_at is not None and one.expires_at <= now:
            found.append(
                Due(
                    one.tenant,
                    one.name,
                    "expired",
                    one.expires_at,
                    f"expired on {one.expires_at:%Y-%m-%d}",
                    one.version,
                )
            )
        elif one.expires_at is not None and one.rotate_at is not None and now < one.rotate_at < one.expires_at:
            continue
        elif one.expires_at is not None and one.expires_at - now <= notice:
            days = (one.expires_at - now).days
            found.append(Due(one.tenant, one.name, "expires", one.expires_at, f"expires in {days} days", one.version))
        elif one.rotate_at is not None and one.rotate_at <= now:
            found.append(
                Due(
                    *(one.tenant, one.name, "rotate", one.rotate_at),
                    *(f"was to be replaced by {one.rotate_at:%Y-%m-%d}", one.version),
                )
            )
    grave = ("expired", "expires", "rotate")
    return sorted(found, key=lambda one: (grave.index(one.why), one.at, one.name))


def due_everywhere(vault: Vault, now: datetime, *, patience: float = math.inf) -> tuple[list[Due], list[str]]:
    """Which secrets of the estate and of every client need attention, and whose could not be looked at: their store is away, sealed
    or damaged, or the time was over. Nothing is opened.

    Args:
        patience: seconds; a store outside that hangs takes its own time-out.
    """
    found: list[Due] = []
    unknown: list[str] = []
    until = time.monotonic() + patience
    for tenant in (MSP, *vault.tenants()):
        if time.monotonic() > until:
            unknown.append(tenant)
            continue
        try:
            found += due(vault.list(tenant), now)
        except TenantryError:
            unknown.append(tenant)
    return found, unknown
