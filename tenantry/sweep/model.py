"""What a sweep reads and what it reports: one event view for all sources, findings, ranked entities.

Shapes are those of the command line's contract (``Sweep``, ``Finding``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tenantry.clock import rfc3339

__all__ = ["SEVERITIES", "Event", "Finding", "Kin", "Severity", "Sweep", "instant", "rank"]

Severity = str
SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
"""From least to worst."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rank(severity: Severity) -> int:
    """Position in :data:`SEVERITIES`."""
    return SEVERITIES.index(severity)


def instant(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339."""
    return rfc3339(_EPOCH + timedelta(seconds=seconds))


@dataclass(slots=True, eq=False)
class Kin:
    """What events have in common that differ in their parameters, times and ids alone, worked out once for all of them. A log
    is mostly repetition: who, from where, with what, which operation.

    Attributes:
        view: theirs. Shared: nobody changes it.
        more: whether parameters add to it, so that each event has one of its own.
        number: under what the statistics count them, once they have met one; 0: they do not.
        row: where they count at the moment.
        owner: for whose rules ``asked`` was worked out.
        asked: the rules that they have to be asked, and whether a rule matches all of them.
        quiet: no rule has a question about them any more; they are only counted.
        gives: their answers may hold a session that somebody was given.
    """

    view: dict[str, Any]
    more: bool
    number: int | None = None
    row: list[Any] | None = None
    owner: object = None
    asked: tuple[tuple[Any, bool], ...] = ()
    quiet: bool = False
    gives: bool = False


@dataclass(slots=True)
class Event:
    """One event of a log.

    Attributes:
        id: the log's own id; where it has none, ``file:line``.
        time: seconds since the epoch, UTC.
        name: the operation (``eventName``, ``Operation`` without its full stop, ``activityDisplayName``).
        view: the same few facts whatever the source, and what readers worked out (``tenantry.sweep.sources`` has the
            mapping): ``actor``, ``actor_type``, ``ip``, ``client``, ``country``, ``outcome``, ``session``, ``target`` …
            Rules name them ``view.actor`` and so on.
        record: the original, as it was parsed; nothing is added to it.
        kin: what it has in common with others, if the reader looks for that.
    """

    id: str
    time: float
    name: str
    view: dict[str, Any]
    record: Mapping[str, Any]
    kin: Kin | None = None

    @property
    def system(self) -> bool:
        """Whether the platform itself acted: its routine changes are no findings."""
        return self.view.get("actor_type") in ("service", "system")


@dataclass(slots=True)
class Finding:
    """What one rule has against one entity, however often (``Finding`` of the contract).

    Attributes:
        attack: ATT&CK technique ids, old numbers beside new ones.
        entity: ``{"type": …, "id": …}``.
        event_ids: the log's own ids, the first :data:`~tenantry.sweep.collect.MOST_IDS` of them.
        count: how many events there were.
        evidence: what was seen, for people: ``summary``, ``events`` (the first few), and what the check compared.
        marks: digests of what it is about (`tenantry.sweep.marks`): an accepted finding speaks again when there is a new one.
        source: format of the log that it came from; None: it was read from how the tenant stands.
    """

    rule: str
    title: str
    severity: Severity
    attack: tuple[str, ...]
    entity: dict[str, str]
    remedy: str
    event_ids: list[str] = field(default_factory=list)
    count: int = 0
    first_seen: float = 0.0
    last_seen: float = 0.0
    evidence: dict[str, Any] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    source: str | None = None

    @property
    def id(self) -> str:
        """The same in every sweep of the tenant: of the rule and the entity, whatever happened since."""
        named = "\0".join((self.rule, self.entity["type"], self.entity["id"].casefold()))
        return f"f{hashlib.sha256(named.encode('utf-8', 'replace')).hexdigest()[:12]}"

    def as_dict(self) -> dict[str, Any]:
        """JSON, in the contract's order."""
        return {
            "id": self.id,
            "rule": self.rule,
            "title": self.title,
            "severity": self.severity,
            "attack": list(self.attack),
            "entity": self.entity,
            "event_ids": self.event_ids,
            "events": self.count,
            "first_seen": instant(self.first_seen),
            "last_seen": instant(self.last_seen),
            "evidence": _timed(self.evidence),
            "remedy": self.remedy,
            **({"source": self.source} if self.source else {}),
        }


def _timed(evidence: dict[str, Any]) -> dict[str, Any]:
    """Evidence with its times as RFC 3339."""
    found = dict(evidence)
    for key, times in (("events", ("time",)), ("windows", ("from", "to"))):
        if key in found:
            found[key] = [
                {
                    name: instant(value) if name in times and isinstance(value, float) else value
                    for name, value in one.items()
                }
                for one in found[key]
            ]
    return found


@dataclass(slots=True)
class Sweep:
    """The result of a sweep (``Sweep`` of the contract)."""

    source: str
    events_read: int = 0
    events_unreadable: int = 0
    events_repeated: int = 0
    first_event: float | None = None
    last_event: float | None = None
    findings: list[Finding] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)
    could_not_check: list[dict[str, str]] = field(default_factory=list)
    rules_not_evaluated: list[dict[str, str]] = field(default_factory=list)
    rules_evaluated: int = 0
    files: dict[str, Any] = field(default_factory=dict)
    density: list[tuple[float, int]] = field(default_factory=list)
    tenant: str | None = None
    checks: list[dict[str, Any]] = field(default_factory=list)
    """Of a live sweep: each check, how it ended, and how much it looked at."""
    logs: dict[str, bool] = field(default_factory=dict)
    """Of a live sweep: format of each log → whether it was read to its end."""
    accepted: list[tuple[Finding, dict[str, Any]]] = field(default_factory=list)
    """Findings that somebody has accepted, and the acceptance: they stand here instead of among the findings."""
    window: tuple[float, float] | None = None
    """Of a live sweep: from when to when logs were read; what came to be in between counts as new."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant,
            "source": self.source,
            "events_read": self.events_read,
            "events_unreadable": self.events_unreadable,
            "events_repeated": self.events_repeated,
            "first_event": None if self.first_event is None else instant(self.first_event),
            "last_event": None if self.last_event is None else instant(self.last_event),
            "findings": [finding.as_dict() for finding in self.findings],
            "entities": self.entities,
            "could_not_check": self.could_not_check,
            **({"checks": self.checks, "accepted": self._accepted()} if self.checks else {}),
            **({"window": {"from": instant(self.window[0]), "to": instant(self.window[1])}} if self.window else {}),
            "rules_evaluated": self.rules_evaluated,
            "rules_not_evaluated": self.rules_not_evaluated,
            "files": self.files,
        }

    def _accepted(self) -> list[dict[str, Any]]:
        return [finding.as_dict() | {"accepted": acceptance} for finding, acceptance in self.accepted]
