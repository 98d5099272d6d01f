"""Number, priority and age of what is open, for each client and each person; for lists, Prefect's pages and metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tenantry.alerts.store import Incident
from tenantry.sweep.model import SEVERITIES

__all__ = ["NOBODY", "Line", "queue"]

NOBODY = "nobody yet"


@dataclass(frozen=True, slots=True)
class Line:
    """What of one client, or one person, is open.

    Attributes:
        kind: whose it is counted for.
        by_severity: number of each, the worst first; none of 0.
        oldest: age of the oldest.
        waiting: how many wait for a person to begin anything.
    """

    kind: Literal["client", "person"]
    of: str
    number: int
    by_severity: tuple[tuple[str, int], ...]
    oldest: timedelta
    waiting: int

    def told(self) -> str:
        """In one line."""
        worst = ", ".join(f"{number} {severity}" for severity, number in self.by_severity)
        return f"{self.number} open ({worst}), the oldest {round(self.oldest.total_seconds() / 60)} min, {self.waiting} without a run"


def queue(incidents: Iterable[Incident], now: datetime) -> list[Line]:
    """Lines of the clients, then of the people, each by name; nobody's last."""
    found: dict[tuple[Literal["client", "person"], str], list[Incident]] = {}
    for one in incidents:
        found.setdefault(("client", one.tenant), []).append(one)
        found.setdefault(("person", one.person or NOBODY), []).append(one)
    order = sorted(found.items(), key=lambda pair: (pair[0][0], pair[0][1] == NOBODY, pair[0][1]))
    return [_line(kind, of, rows, now) for (kind, of), rows in order]


def _line(kind: Literal["client", "person"], of: str, rows: list[Incident], now: datetime) -> Line:
    counts = Counter(one.severity for one in rows)
    return Line(
        kind,
        of,
        len(rows),
        tuple((severity, counts[severity]) for severity in reversed(SEVERITIES) if counts[severity]),
        max((now - one.opened for one in rows), default=timedelta(0)),
        sum(one.run_id is None for one in rows),
    )
