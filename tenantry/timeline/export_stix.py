"""STIX 2.1: one bundle (https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html).

What a consumer of plain STIX understands, and on top of it the draft Incident Core extension for those who know it
(https://github.com/oasis-open/cti-stix-common-objects, extension-definition-specifications/incident-core):

- the run: `incident`; with the extension, its state and the lists of its events and tasks;
- an act of the attacker: `sighting` of an `attack-pattern` with `observed-data` of the account; with the extension, `event`;
- what was done to a target, or read: `task` of the extension with start, end, outcome and error. The intent that was
  recorded before an effect is the start of the task that made it, and named in it;
- people's questions, answers and notes, and the run's own course: `note`, by the identity who said it.

Every object names the entries that it comes from (number, id, leaf hash) as external references. `confidence` is 85 for
observed, 50 for attributed and stated, 15 for uncertain (appendix A: high, medium, low). All times are UTC; a note about
another time than that of its recording was `created` then and `modified` when it was recorded.

The same record gives the same bytes: ids are UUIDs of version 4 whose bits come from a hash of what the object stands for.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import rfc8785

from tenantry.timeline.model import Lane, Timeline, TimelineEvent
from tenantry.timeline.words import human_name, moment, outcome_words

__all__ = ["export"]

INCIDENT: Final = "extension-definition--ef765651-680c-498d-9894-99799f2fa126"
EVENT: Final = "extension-definition--4ca6de00-5b0d-45ef-a1dc-ea7279ea910e"
TASK: Final = "extension-definition--2074a052-8be4-4932-849e-f5e7798e0030"
_OBSERVABLES: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""Namespace of cyber-observable objects' ids (STIX 2.1, 2.9)."""

_CONFIDENCE: Final = {"observed": 85, "attributed": 50, "stated": 50, "uncertain": 15}
_CRITICALITY: Final = {"low": 15, "medium": 40, "high": 70, "critical": 95}
_EVENT_TYPES: Final = {
    "sign_in": "unauthorized-access-system",
    "rule": "modification-information",
    "forwarding": "unauthorized-release",
    "consent": "unauthorized-access-information",
    "mail_read": "unauthorized-access-information",
    "phishing": "dissemination-phishing-emails",
    "sent": "illegitimate-use-name",
}
_TASK_TYPES: Final = {
    "analyse": "investigation",
    "contain": "containment",
    "mitigate": "eradication",
    "recover": "recovery",
}
_OUTCOMES: Final = {
    "changed": "successful",
    "message_sent": "successful",
    "already": "successful",
    "read": "successful",
    "answer_taken": "successful",
    "undone": "successful",
    "would_change": "pending",
    "skipped": "cancelled",
    "failed": "failed",
    "undo_failed": "failed",
    "unknown": "unknown",
}
"""Kind of a platform event → outcome of the task; other kinds are notes."""
_INTENTS: Final = frozenset({"intent", "undo_intent"})
_OPEN: Final = frozenset({"running", "waiting_for_approval", "interrupted", "paused_by_failed_step"})
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?\Z")

Object = dict[str, Any]


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write the bundle; returns the number of events that it stands for."""
    bundle = _Bundle(timeline)
    out.write(
        f'{{"type":"bundle","id":"{_id("bundle", timeline.run_id, timeline.record.last_leaf)}","objects":['.encode()
    )
    separator = b"\n"
    for made in bundle.objects():
        out.write(separator + _line(made))
        separator = b",\n"
    out.write(b"\n]}\n")
    return bundle.count


@dataclass(slots=True)
class _Begun:
    """Intents on one target whose outcome is not known yet."""

    first: TimelineEvent
    all: list[TimelineEvent] = field(default_factory=list)


class _Bundle:
    def __init__(self, timeline: Timeline) -> None:
        self._t = timeline
        self.count = 0
        self._known: set[str] = set()
        self._platform = _id("identity", "tenantry")
        self._client = _id("identity", "client", timeline.tenant)
        self._incident = _id("incident", timeline.run_id)
        self._event_refs: list[str] = []
        self._task_refs: list[str] = []

    def objects(self) -> Iterator[Object]:
        t = self._t
        yield self._identity(self._platform, "Tenantry", "system")
        yield self._identity(self._client, t.tenant_title, "organization")
        begun: dict[tuple[str, str], _Begun] = {}
        for event in t.events:
            self.count += 1
            key = (event.step, event.target)
            if event.lane is Lane.ATTACKER:
                yield from self._act(event)
            elif event.lane is Lane.PLATFORM and event.kind in _INTENTS:
                begun.setdefault(key, _Begun(event)).all.append(event)
            elif event.lane is Lane.PLATFORM and event.kind in _OUTCOMES:
                yield from self._task(event, begun.pop(key, None))
            else:
                yield from self._note(event)
        for left in begun.values():  # intended, and nothing recorded of what came of it
            yield from self._in_doubt(left)
        yield self._made_incident()

    def _once(self, made: Object) -> Iterator[Object]:
        if made["id"] not in self._known:
            self._known.add(made["id"])
            yield made

    # --- objects ------------------------------------------------------------------------------------------------------

    def _common(self, kind: str, id: str, created: datetime, modified: datetime | None = None) -> Object:
        return {
            "type": kind,
            "spec_version": "2.1",
            "id": id,
            "created_by_ref": self._platform,
            "created": _ms(created),
            "modified": _ms(modified or created),
        }

    def _identity(self, id: str, name: str, kind: str) -> Object:
        self._known.add(id)
        return {**self._common("identity", id, self._t.started_at), "name": name or "?", "identity_class": kind}

    def _person(self, name: str) -> tuple[str, list[Object]]:
        if name in ("", "Tenantry"):
            return self._platform, []
        id = _id("identity", "person", self._t.tenant, name)
        return id, [] if id in self._known else [self._identity(id, name, "individual")]

    def _account(self, target: str) -> Object:
        value = {"account_login": target}
        id = f"user-account--{uuid.uuid5(_OBSERVABLES, rfc8785.dumps(_whole(value)).decode())}"
        return {"type": "user-account", "spec_version": "2.1", "id": id, **value}

    def _act(self, event: TimelineEvent) -> Iterator[Object]:
        where = (event.entry, event.source_id, event.kind, event.target, _us(event.at))
        sightings: list[str] = []
        observed: list[str] = []
        if event.target:
            account = self._account(event.target)
            yield from self._once(account)
            made = {
                **self._common("observed-data", _id("observed-data", *where), event.recorded_at),
                "first_observed": _us(event.at),
                "last_observed": _us(event.at),
                "number_observed": 1,
                "object_refs": [account["id"]],
                **self._told(event),
            }
            observed.append(made["id"])
            yield from self._once(made)
        for technique in filter(_TECHNIQUE.match, event.techniques):
            pattern = self._pattern(technique)
            yield from self._once(pattern)
            sighting = {
                **self._common("sighting", _id("sighting", technique, *where), event.recorded_at),
                "description": _text(event.title, event.detail),
                "first_seen": _us(event.at),
                "last_seen": _us(event.at),
                "count": 1,
                "sighting_of_ref": pattern["id"],
                "where_sighted_refs": [self._client],
                **({"observed_data_refs": observed} if observed else {}),
                **self._told(event),
            }
            sightings.append(sighting["id"])
            yield from self._once(sighting)
        yield from self._once(
            {
                **self._common("event", _id("event", *where), event.recorded_at),
                "name": event.title,
                "description": _text(event.title, event.detail, event.target and f"account or object: {event.target}"),
                "event_types": [_EVENT_TYPES.get(event.kind, "unspecified")],
                "status": "occurred" if event.certainty != "uncertain" else "undetermined",
                "start_time": _us(event.at),
                **({"sighting_refs": sightings} if sightings else {}),
                **self._told(event),
                "extensions": {EVENT: {"extension_type": "new-sdo"}},
            }
        )
        self._event_refs.append(_id("event", *where))

    def _pattern(self, technique: str) -> Object:
        # No address: the specification wants a hash of what lies there beside each.
        reference = {"source_name": "mitre-attack", "external_id": technique}
        id = _id("attack-pattern", technique)
        # Its times are not a run's: the object is the same in every bundle.
        return {
            **self._common("attack-pattern", id, datetime(2026, 1, 1, tzinfo=UTC)),
            "name": technique,
            "external_references": [reference],
        }

    def _task(self, event: TimelineEvent, begun: _Begun | None) -> Iterator[Object]:
        outcome = _OUTCOMES[event.kind]
        entries = [*(begun.all if begun else ()), event]
        made = {
            **self._task_of(event, entries, outcome),
            "start_time": _us(min(entry.at for entry in entries)),
            "end_time": _us(event.at),
        }
        if outcome in ("failed", "unknown"):
            made["error"] = event.detail or outcome_words(event.outcome or event.kind)
        yield from self._done(made, event)

    def _in_doubt(self, begun: _Begun) -> Iterator[Object]:
        made = {**self._task_of(begun.first, begun.all, "unknown"), "start_time": _us(begun.first.at)}
        made["error"] = "intended; nothing is recorded of what came of it"
        yield from self._done(made, begun.first)

    def _task_of(self, event: TimelineEvent, entries: list[TimelineEvent], outcome: str) -> Object:
        return {
            **self._common("task", _id("task", event.entry), event.recorded_at),
            "name": event.title,
            "description": _text(event.title, event.detail, event.target and f"for: {event.target}"),
            "task_types": ["playbook-step-execution", _TASK_TYPES.get(event.phase, "administrative")],
            "outcome": outcome,
            **self._told(event, entries),
            "extensions": {TASK: {"extension_type": "new-sdo"}},
        }

    def _done(self, made: Object, event: TimelineEvent) -> Iterator[Object]:
        self._task_refs.append(made["id"])
        yield from self._once(made)
        if event.target:
            account = self._account(event.target)
            yield from self._once(account)
            link = {
                **self._common("relationship", _id("relationship", made["id"], account["id"]), event.recorded_at),
                # The draft's own word is `impacts`, which plain STIX does not know between these two.
                "relationship_type": "related-to",
                "description": "the task was done to this account or object",
                "source_ref": made["id"],
                "target_ref": account["id"],
            }
            yield from self._once(link)

    def _note(self, event: TimelineEvent) -> Iterator[Object]:
        author, new = self._person(event.actor)
        yield from new
        created, modified = min(event.at, event.recorded_at), max(event.at, event.recorded_at)
        about = f"about {moment(event.at)}, recorded {moment(event.recorded_at)}" if created != modified else ""
        note = {
            **self._common("note", _id("note", event.entry, event.kind), created, modified),
            "abstract": f"{human_name(event.kind)}: {event.title}",
            "content": _text(event.title, event.detail, event.target and f"for: {event.target}", about),
            "authors": [event.actor or "Tenantry"],
            "object_refs": [self._incident],
            **self._told(event),
        }
        yield from self._once({**note, "created_by_ref": author})

    def _told(self, event: TimelineEvent, entries: Iterable[TimelineEvent] = ()) -> Object:
        """Labels, confidence and where it is known from."""
        labels = [event.lane.value, event.certainty, event.kind, event.phase, event.outcome]
        if event.after_record:
            labels.append("time-after-record")
        references = [self._entry(entry) for entry in (entries or (event,))]
        if event.lane is Lane.ATTACKER:
            source: dict[str, str] = {"source_name": event.source, "description": "the tenant's log"}
            if event.source_id:
                source["external_id"] = event.source_id
            references.insert(0, source)
        return {
            "confidence": _CONFIDENCE.get(event.certainty, 0),
            "labels": list(dict.fromkeys(label for label in labels if label)),
            "external_references": references,
        }

    def _entry(self, event: TimelineEvent) -> Object:
        told = f"entry {event.seq} of the record {self._t.record.tree}, leaf hash (RFC 6962, SHA-256) {event.leaf}"
        return {"source_name": "tenantry-record", "external_id": event.entry, "description": told}

    def _made_incident(self) -> Object:
        t = self._t
        core: Object = {
            "extension_type": "property-extension",
            # The one value that every draft has for an incident that nobody refuted; how sure each act is stands in it.
            "determination": "suspected",
            "investigation_status": "open" if t.status in _OPEN else "closed",
        }
        if t.severity in _CRITICALITY:
            core["criticality"] = _CRITICALITY[t.severity]
        if self._event_refs:
            core["events"] = [{"event_ref": ref} for ref in dict.fromkeys(self._event_refs)]
        if self._task_refs:
            core["tasks"] = [{"task_ref": ref} for ref in dict.fromkeys(self._task_refs)]
        run = {
            "source_name": "tenantry-run",
            "external_id": t.run_id,
            "description": f"runbook {t.runbook} {t.version}, SHA-256 of its text {t.record.runbook_digest}; "
            f"last entry {t.record.last_seq}, leaf hash {t.record.last_leaf}",
        }
        unknown = [f"Not known: {line}" for line in t.unknown]
        return {
            **self._common("incident", self._incident, t.started_at, max(t.record.as_of, t.started_at)),
            "name": f"{t.title}: {t.subject or t.tenant_title}",
            "description": "\n".join([*t.summary, *unknown]),
            "labels": [label for label in (t.kind, t.mode, t.status, t.severity) if label],
            "external_references": [run],
            "extensions": {INCIDENT: core},
        }


def _text(*parts: str) -> str:
    return "\n".join(part for part in parts if part) or "(nothing was said)"


def _id(kind: str, *parts: str) -> str:
    """An id that the same thing always has."""
    digest = hashlib.sha256(json.dumps([kind, *parts]).encode()).digest()
    return f"{kind}--{uuid.UUID(bytes=digest[:16], version=4)}"


def _ms(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}Z"


def _us(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _whole(value: Mapping[str, str]) -> dict[str, str]:
    """Without halves of surrogate pairs, which canonical JSON cannot hold."""
    return {name: text.encode("utf-8", "replace").decode() for name, text in value.items()}


def _line(made: Object) -> bytes:
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
