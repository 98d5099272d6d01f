"""Number, priority and age of what is open, for each client and each person; for lists, Prefect's pages and metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from tenantry.alerts.store import Incident
from tenantry.sweep.model import SEVERITIES
from tenantry.triage.book import Standing
from tenantry.triage.clocks import NAMES

__all__ = ["NOBODY", "Line", "queue", "queue_text"]

NOBODY: Final = "nobody yet"


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


def queue_text(incidents: Sequence[Incident], clocks: Iterable[Standing], now: datetime) -> str:
    """The queue for Prometheus, as `tenantry.metrics` writes it: in all, and for each client and person. Their names, which are slugs, are
    labels here and nowhere else: a queue is worth watching only by whose it is.

    Args:
        clocks: of the incidents.
    """
    lines = queue(incidents, now)
    taken = Counter((one.severity, "yes" if one.person else "no") for one in incidents)
    ages = dict.fromkeys(SEVERITIES, 0.0)
    for one in incidents:
        ages[one.severity] = max(ages[one.severity], (now - one.opened).total_seconds())
    late = Counter(one.clock.name for one in clocks if one.clock.stopped_at is None and one.clock.due_at < now)
    own = {one: f'of="{one.kind}",name="{one.of}"' for one in lines}
    families: tuple[tuple[str, str, dict[str, float]], ...] = (
        (
            "tenantry_alert_incidents",
            "Open incidents that alerts opened.",
            {f'severity="{of}",taken="{yes}"': taken[of, yes] for of in SEVERITIES for yes in ("yes", "no")},
        ),
        (
            "tenantry_alert_incident_oldest_seconds",
            "Age of the oldest open incident.",
            {f'severity="{of}"': age for of, age in ages.items()},
        ),
        (
            "tenantry_alert_clocks_overdue",
            "Clocks of agreements that run and are over.",
            {f'clock="{of}"': late[of] for of in NAMES},
        ),
        (
            "tenantry_alert_queue",
            "Open incidents of each client and each person.",
            {f'{whose},severity="{of}"': number for one, whose in own.items() for of, number in one.by_severity},
        ),
        (
            "tenantry_alert_queue_oldest_seconds",
            "Age of the oldest open incident of each client and each person.",
            {whose: one.oldest.total_seconds() for one, whose in own.items()},
        ),
        (
            "tenantry_alert_queue_waiting",
            "Open incidents of each client and each person that wait for a person to begin anything.",
            {whose: one.waiting for one, whose in own.items()},
        ),
    )
    text = []
    for name, about, samples in families:
        text += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
        text += [f"{name}{{{labels}}} {value:.15g}" for labels, value in samples.items()]
    return "\n".join(text) + "\n"
