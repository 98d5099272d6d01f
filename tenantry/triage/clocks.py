"""The clocks that a client's agreement starts when an alert arrives: until it is acknowledged, contained, resolved.

They run from the arrival of the alert, for its severity (`tenantry.tenants.Agreement.sla`), through every minute or through the client's business
hours alone. An incident that gets worse starts the clocks of its new severity with the alert that made it so; whichever is due first counts, so
that getting worse never buys time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from tenantry.clock import rfc3339
from tenantry.tenants import Sla, Tenant
from tenantry.triage.worktime import WorkTime

__all__ = ["NAMES", "ClockName", "SlaClock", "clocks", "warns_at"]

ClockName = Literal["acknowledge", "contain", "resolve"]
NAMES: Final[tuple[ClockName, ...]] = ("acknowledge", "contain", "resolve")
_WORDS: Final[Mapping[ClockName, str]] = {
    "acknowledge": "somebody has taken it",
    "contain": "the threat is contained",
    "resolve": "service is back and watched",
}


@dataclass(frozen=True, slots=True)
class SlaClock:
    """One clock of one incident.

    Attributes:
        severity: whose promise it is.
        stopped_at: None while it runs.
    """

    name: ClockName
    severity: str
    started_at: datetime
    due_at: datetime
    source: str
    stopped_at: datetime | None = None

    def left(self, now: datetime) -> timedelta:
        """Until it is due, or was when it stopped; negative: too late."""
        return self.due_at - (self.stopped_at or now)

    def as_dict(self) -> dict[str, Any]:
        """``Clock`` of the command line's contract."""
        return {
            "name": f"sla {self.name}",
            "started_at": rfc3339(self.started_at),
            "due_at": rfc3339(self.due_at),
            "stopped_at": rfc3339(self.stopped_at) if self.stopped_at is not None else None,
            "source": self.source,
            "who": "MSP",
            "what": _WORDS[self.name],
        }


def clocks(tenant: Tenant, arrived: Sequence[tuple[str, datetime]]) -> list[SlaClock]:
    """The clocks of an incident; none where nothing was agreed for its severities.

    Args:
        arrived: each severity that it has had, and when the first alert of it came.
    """
    found: dict[ClockName, SlaClock] = {}
    for severity, at in arrived:
        promised = next((sla for name, sla in tenant.agreement.sla.items() if name == severity), None)
        if promised is None:
            continue
        for name in NAMES:
            clock = _clock(tenant, severity, promised, name, at.astimezone(UTC))
            if clock is not None and (name not in found or clock.due_at < found[name].due_at):
                found[name] = clock
    return list(found.values())


def warns_at(tenant: Tenant, clock: SlaClock, percent: int) -> datetime:
    """When to escalate before a clock is due: once so many hundredths of what was promised are used up."""
    promised = next((sla for name, sla in tenant.agreement.sla.items() if name == clock.severity), None)
    minutes = None if promised is None else _minutes(promised, clock.name)
    if promised is None or minutes is None:  # the agreement was changed since
        return clock.started_at + (clock.due_at - clock.started_at) * percent / 100
    return _later(tenant, promised, clock.started_at, timedelta(minutes=minutes) * percent / 100)


def _clock(tenant: Tenant, severity: str, promised: Sla, name: ClockName, at: datetime) -> SlaClock | None:
    minutes = _minutes(promised, name)
    if minutes is None:
        return None
    counted = "business minutes" if promised.hours == "business" else "minutes"
    source = f"agreement: {name} within {minutes} {counted} ({severity})"
    return SlaClock(name, severity, at, _later(tenant, promised, at, timedelta(minutes=minutes)), source)


def _minutes(promised: Sla, name: ClockName) -> int | None:
    return {
        "acknowledge": promised.acknowledge_minutes,
        "contain": promised.contain_minutes,
        "resolve": promised.resolve_minutes,
    }[name]


def _later(tenant: Tenant, promised: Sla, at: datetime, span: timedelta) -> datetime:
    if promised.hours == "always" or tenant.business_hours is None:
        return at + span
    return WorkTime.of(tenant.business_hours, tenant.time_zone).after(at, span)
