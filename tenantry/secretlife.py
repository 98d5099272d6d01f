"""When a secret needs attention: it expires, or its day of replacement has come.

A secret is told of early enough that the person who must act works on a weekday: thirty days before it expires, or from the day on
which it is to be replaced where that comes later and before its end (what lives for hours is not due all its life). That day was set
when it was stored, or the client's file says it for all that it names (``rotation.every_days``). One without dates is never due here;
how old it is stands beside it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from tenantry.errors import TenantryError
from tenantry.names import MSP
from tenantry.secretstore import SecretVersion
from tenantry.tenants import TenantStore, load_tenant
from tenantry.vault import Vault

__all__ = ["CADENCE", "NOTICE", "Due", "Limits", "Reminder", "due", "due_everywhere", "limits_of", "reminder_of"]

NOTICE: Final = timedelta(days=30)
"""How long before it expires a secret is told of."""


CADENCE: Final = tuple(timedelta(days=days) for days in (30, 14, 7, 3, 1, 0))
"""How long before its end a person is reminded of a credential; after it once a week, until it is replaced."""
_ESCALATES: Final = timedelta(days=3)
"""Before its end, from which on it is not the owner's matter alone."""
_AGAIN: Final = timedelta(days=7)
_OVERDUE_AGAIN: Final = timedelta(days=14)
"""Between two reminders of one that works on and was to be replaced by a day that is over."""
_OVERDUE_ESCALATES: Final = timedelta(days=28)

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


Limits = Callable[[str], Mapping[str, timedelta]]
"""Tenant → name of a secret → how old it may become (`limits_of`)."""


def limits_of(tenants: TenantStore) -> Limits:
    """What clients' files say of how old a credential may become (``rotation.every_days``): of those that their providers name, each. A
    file that is broken or gone says nothing; who looks at files says so."""

    def limits(tenant: str) -> Mapping[str, timedelta]:
        if tenant == MSP:
            return {}
        path = tenants.path(tenant)
        try:
            at = path.stat()
            return _limits(path, at.st_mtime_ns, at.st_size, at.st_ino)
        except (TenantryError, OSError):
            return {}

    return limits


@lru_cache(maxsize=1_000)
def _limits(path: Path, *_version: int) -> Mapping[str, timedelta]:
    """Of one file as it is: asked for with every look at the metrics, and read when it was changed."""
    file = load_tenant(path)
    days = file.rotation.every_days
    names = {ref.name for one in file.providers.values() for ref in one.secrets.values()}
    return MappingProxyType({} if days is None else dict.fromkeys(names, timedelta(days=days)))


def due(
    stored: Iterable[SecretVersion],
    now: datetime,
    notice: timedelta = NOTICE,
    limits: Mapping[str, timedelta] = MappingProxyType({}),
) -> list[Due]:
    """Which of these need attention, the most urgent first; each once, by its gravest reason.

    Args:
        limits: name → how old it may become; the earlier of that and the day that was set for it counts.
    """
    found = []
    for one in stored:
        if one.kind in _SHORT_LIVED:
            continue
        by = _replaced_by(one, limits)
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
        elif one.expires_at is not None and by is not None and now < by < one.expires_at:
            continue
        elif one.expires_at is not None and one.expires_at - now <= notice:
            days = (one.expires_at - now).days
            found.append(Due(one.tenant, one.name, "expires", one.expires_at, f"expires in {days} days", one.version))
        elif by is not None and by <= now:
            found.append(
                Due(*(one.tenant, one.name, "rotate", by), *(f"was to be replaced by {by:%Y-%m-%d}", one.version))
            )
    grave = ("expired", "expires", "rotate")
    return sorted(found, key=lambda one: (grave.index(one.why), one.at, one.name))


@dataclass(frozen=True, slots=True)
class Reminder:
    """Which reminder of a credential's version it is time for.

    Attributes:
        about: ``end`` (when the service stops taking it) or ``age`` (its day of replacement).
        number: counted from 1; of several that were missed the latest is the one.
        level: ``escalate`` when little time is left, or none.
        lately: the first week of what is told a month ahead, or of what is overdue, is over.
    """

    about: Literal["end", "age"]
    number: int
    level: Literal["remind", "escalate"]
    lately: bool


def reminder_of(one: Due, now: datetime) -> Reminder:
    """The reminder that is due now. Its number grows with time alone, so whoever asks again, after a kill too, is told the same one."""
    if one.why == "rotate":
        over = now - one.at
        level: Literal["remind", "escalate"] = "escalate" if over >= _OVERDUE_ESCALATES else "remind"
        return Reminder("age", 1 + max(0, over // _OVERDUE_AGAIN), level, lately=over >= _AGAIN)
    left = one.at - now
    number = sum(left <= before for before in CADENCE) + max(0, -left // _AGAIN)
    return Reminder("end", number, "escalate" if left <= _ESCALATES else "remind", lately=left <= _AGAIN)


def _replaced_by(one: SecretVersion, limits: Mapping[str, timedelta]) -> datetime | None:
    limit = limits.get(one.name)
    days = [at for at in (one.rotate_at, None if limit is None else one.created_at + limit) if at is not None]
    return min(days, default=None)


def due_everywhere(
    vault: Vault, now: datetime, limits: Limits, *, patience: float = math.inf
) -> tuple[list[Due], list[str]]:
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
            found += due(vault.list(tenant), now, limits=limits(tenant))
        except TenantryError:
            unknown.append(tenant)
    return found, unknown
