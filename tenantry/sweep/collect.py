"""Findings: one for each rule and entity, with the first of its events as evidence, however many there were."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any, Final

from tenantry.sweep.marks import mark, mark_of, of_event, of_statistic
from tenantry.sweep.model import Event, Finding, rank
from tenantry.sweep.sigma.correlate import Alert
from tenantry.sweep.sigma.rules import Rule
from tenantry.sweep.spool import Hit

__all__ = ["MOST_IDS", "Collector", "brief", "shown", "told"]

MOST_IDS: Final = 200
"""Event ids that a finding names; ``events`` counts them all."""
_MOST_SHOWN: Final = 5
_MOST_FINDINGS: Final = 20_000
_MOST_KEYS: Final = 200_000
_SHOWN: Final = (
    "actor", "ip", "country", "client", "region", "outcome", "error", "target", "target_user", "outside", "open_ports", "recipients", "roles",
    "risky_scopes", "scopes", "money_words", "parameters", "app", "protocol", "session", "method", "account", "expire_days", "instances", "mfa_method",
)  # fmt: skip
_LONGEST: Final = 300


def shown(event: Event) -> dict[str, Any]:
    """What evidence shows of an event."""
    found: dict[str, Any] = {"id": event.id, "time": event.time, "name": event.name}
    for key in _SHOWN:
        value = event.view.get(key)
        if value not in (None, "", [], {}, False):
            text = (
                value
                if isinstance(value, (str, int, float, bool))
                else json.dumps(value, ensure_ascii=True, default=str)
            )
            found[key] = text[:_LONGEST] if isinstance(text, str) else text
    return found


_BRIEF: Final = ("actor", "ip", "client", "region", "outcome", "error", "target", "target_user", "session")


def brief(event: Event) -> str:
    """The few facts of an event that a row of the spool keeps: written for many events, read for few."""
    get = event.view.get
    return "\x1f".join([event.name, *(str(get(key) or "") for key in _BRIEF)])


def told(hit: Hit) -> dict[str, Any]:
    """What :func:`brief` kept, as evidence shows it."""
    name, *values = hit.brief.split("\x1f")
    found = {"id": hit.event, "time": hit.time, "name": name}
    return found | {key: value for key, value in zip(_BRIEF, values, strict=False) if value}


class Collector:
    """Gathers findings while a log is read, and afterwards from what was counted."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Finding] = {}
        self._ids: dict[int, set[str]] = {}
        self._keys: OrderedDict[str, str] = OrderedDict()
        self._sessions: dict[int, set[str]] = {}
        self.full = False

    # --- single events ---------------------------------------------------------------------------------------------

    def match(self, rule: Rule, event: Event) -> None:
        """A rule matched an event."""
        kind, get = rule.entity
        entity = get(event)
        name = str(entity) if entity not in (None, "") else str(event.view.get("actor") or "unknown")
        finding = self._finding(rule, kind, name)
        if finding is not None:
            mark(finding, of_event(event.name, event.view))
            more = len(finding.evidence["events"]) < _MOST_SHOWN
            self._add(finding, event.id, event.time, shown(event) if more else None, event.view.get("session"))

    def _finding(self, rule: Rule, kind: str, name: str) -> Finding | None:
        key = (rule.key, kind, name)
        finding = self._found.get(key)
        if finding is None:
            if len(self._found) >= _MOST_FINDINGS:
                self.full = True
                return None
            finding = Finding(rule.key, rule.title, rule.severity, rule.attack, {"type": kind, "id": name}, rule.remedy)
            finding.evidence = {"summary": rule.description or rule.title, "events": []}
            self._found[key] = finding
        return finding

    def _add(self, finding: Finding, id: str, time: float, event: dict[str, Any] | None, session: Any) -> None:
        finding.first_seen = min(finding.first_seen, time) if finding.count else time
        finding.last_seen = max(finding.last_seen, time) if finding.count else time
        finding.count += 1
        ids = self._ids.setdefault(id_(finding), set())
        if len(ids) < MOST_IDS and id not in ids:
            ids.add(id)
            finding.event_ids.append(id)
        if event is not None and len(finding.evidence["events"]) < _MOST_SHOWN:
            finding.evidence["events"].append(event)
        sessions = self._sessions.setdefault(id_(finding), set())
        if session and len(sessions) < MOST_IDS:
            sessions.add(str(session))

    # --- correlations and statistics -------------------------------------------------------------------------------

    def alert(self, rule: Rule, kind: str, entity: str, alert: Alert, compared: dict[str, Any]) -> None:
        """A correlation met its condition for a group."""
        finding = self._finding(rule, kind, entity)
        if finding is None:
            return
        for hit in alert.hits:
            event = told(hit)
            mark(finding, of_event(str(event["name"]), event))
            self._add(finding, hit.event, hit.time, event, event.get("session"))
        finding.count += alert.count - len(alert.hits)
        finding.last_seen = max(finding.last_seen, alert.last)
        finding.evidence.setdefault("windows", [])
        if len(finding.evidence["windows"]) < _MOST_SHOWN:
            finding.evidence["windows"].append(compared)

    def put(self, finding: Finding) -> None:
        """A finding that a statistical check made."""
        key = (finding.rule, finding.entity["type"], finding.entity["id"])
        known = self._found.get(key)
        if known is None and len(self._found) >= _MOST_FINDINGS:
            self.full = True
            return
        mark(known or finding, *(finding.marks or of_statistic(finding)))
        self._found.setdefault(key, finding)

    def merge(self, finding: Finding) -> None:
        """A finding that a check of the live tenant made: with others of that check about the same entity it is one."""
        key = (finding.rule, finding.entity["type"], finding.entity["id"])
        known = self._found.get(key)
        mark(finding, mark_of(finding))
        if known is None:
            self.put(finding)
            return
        mark(known, *finding.marks)
        known.first_seen = min(known.first_seen, finding.first_seen)
        known.last_seen = max(known.last_seen, finding.last_seen)
        known.count += finding.count
        known.event_ids = list(dict.fromkeys([*known.event_ids, *finding.event_ids]))[:MOST_IDS]
        if rank(finding.severity) > rank(known.severity):
            known.severity = finding.severity
        more = known.evidence.setdefault("more", [])
        if len(more) < _MOST_SHOWN - 1 and finding.evidence != known.evidence:
            more.append(finding.evidence)

    # --- who stands behind a session -------------------------------------------------------------------------------

    def issued(self, session: str, actor: str) -> None:
        """``actor`` was given the session (an access key of an assumed role): what it does is theirs."""
        self._keys[session] = actor
        if len(self._keys) > _MOST_KEYS:
            self._keys.popitem(last=False)

    def behind(self, finding: Finding) -> list[str]:
        """Who assumed the roles that a finding is about."""
        found = {self._keys[session] for session in self._sessions.get(id_(finding), ()) if session in self._keys}
        return sorted(found - {finding.entity["id"]})

    def findings(self) -> list[Finding]:
        return list(self._found.values())

    def drop(self, finding: Finding) -> None:
        """Take a finding back: the whole log showed that it is none."""
        self._found.pop((finding.rule, finding.entity["type"], finding.entity["id"]), None)


def id_(finding: Finding) -> int:
    """A key for what is kept beside a finding; findings live as long as the collector."""
    return id(finding)
