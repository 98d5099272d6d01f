"""OCSF events (Open Cybersecurity Schema Framework, https://schema.ocsf.io/), one JSON object a line.

- the run: Incident Finding (2005), the first line; what it stands at the end of the record;
- an act of the attacker: Detection Finding (2004), with its technique, its source and how sure it is;
- a change at the client that was made, put back or failed: Remediation Activity (7001);
- everything else (readings, questions, answers, notes, the run's own course): Base Event (0), which has no fields of its own.

Nothing is left out: what OCSF has no field for stands in ``unmapped``. Times are milliseconds since 1970 in UTC
(``timezone_offset`` 0); the microseconds stand in ``metadata.original_time``. ``type_uid`` is ``class_uid`` × 100 +
``activity_id``. The schema version named is the oldest that has all of it; later ones only add.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Final

from tenantry import __version__
from tenantry.clock import rfc3339
from tenantry.evidence import json_line
from tenantry.timeline.columns import message
from tenantry.timeline.model import Lane, Timeline, TimelineEvent
from tenantry.timeline.words import STATUSES, human_name

__all__ = ["SCHEMA", "export", "ms"]

SCHEMA: Final = "1.3.0"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SEVERITY: Final = {"low": 2, "medium": 3, "high": 4, "critical": 5}
_CONFIDENCE: Final = {"observed": 3, "attributed": 2, "stated": 2, "uncertain": 1}
_STATUS: Final = {
    "running": 2,
    "waiting_for_approval": 3,
    "interrupted": 3,
    "paused_by_failed_step": 3,
    "completed": 4,
    "completed_with_exceptions": 4,
    "undone": 99,
    "planned": 99,
    "failed": 99,
    "cancelled": 5,
}
_EFFECTS: Final = frozenset({"changed", "undone", "failed", "undo_failed"})
_ACTIVITIES: Final = {"contain": 1, "mitigate": 2, "recover": 3}
"""Phase → Isolate, Evict, Restore; other phases: Other."""
_ADDRESS = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}\Z")


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write the finding and the events; returns the number of events."""
    acts: list[TimelineEvent] = [event for event in timeline.events if event.lane is Lane.ATTACKER]
    out.write(json_line(_incident(timeline, acts)))
    count = 0
    for event in timeline.events:
        out.write(json_line(_event(timeline, event)))
        count += 1
    return count


def _incident(t: Timeline, acts: list[TimelineEvent]) -> dict[str, Any]:
    sure = [event for event in acts if event.certainty != "uncertain"]
    first = t.moment("compromised")
    activity = 3 if t.ended_at is not None else 2
    techniques = sorted({technique for event in acts for technique in event.techniques} | set(t.attack))
    finding: dict[str, Any] = {
        "uid": t.run_id,
        "title": f"{t.title}: {t.subject or t.tenant_title}",
        "desc": "\n".join(t.summary),
        "created_time": ms(t.started_at),
        "modified_time": ms(t.record.as_of),
        "first_seen_time": ms(first.at if first else t.started_at),
        "product_uid": "tenantry",
        "types": [t.runbook],
    }
    if acts:
        finding["related_events"] = [{"uid": _uid(event), "type_uid": 200_401} for event in acts]
        finding["last_seen_time"] = ms(max(event.at for event in acts))
    return {
        **_base(t, 2, 2005, activity, t.record.as_of, f"{t.run_id}/incident"),
        "class_name": "Incident Finding",
        "severity_id": _SEVERITY.get(t.severity, 0),
        "status_id": _STATUS.get(t.status, 99),
        "status": STATUSES.get(t.status, t.status),
        "verdict_id": 6 if t.mode == "drill" else 2 if sure else 0,
        "message": " ".join(t.summary),
        "desc": "\n".join(t.summary),
        "start_time": ms(t.started_at),
        "end_time": ms(t.ended_at or t.record.as_of),
        "attacks": [_attack(technique) for technique in techniques],
        "finding_info_list": [finding],
        # The class demands one of assignee and assignee_group; the record names who asked, not who is in charge.
        "assignee_group": {"name": "Response team of the managed service provider"},
        "unmapped": {
            "tenant": t.tenant,
            "mode": t.mode,
            "requested_by": t.requested_by,
            "requester_proven": t.requester_proven,
            "tree": t.record.tree,
            "first_seq": t.record.first_seq,
            "last_seq": t.record.last_seq,
            "last_leaf": t.record.last_leaf,
            "runbook_digest": t.record.runbook_digest,
            "not_known": list(t.unknown),
        },
    }


def _event(t: Timeline, event: TimelineEvent) -> dict[str, Any]:
    if event.lane is Lane.ATTACKER:
        made = _act(t, event)
    elif event.lane is Lane.PLATFORM and event.kind in _EFFECTS:
        made = _remediation(t, event)
    else:
        made = {
            **_base(t, 0, 0, 99, event.at, _uid(event)),
            "class_name": "Base Event",
            "severity_id": 3 if event.kind == "unknown" else 1,
        }
    made["activity_name"] = human_name(event.kind)
    made["message"] = message(event)
    made["metadata"]["sequence"] = event.seq
    made["metadata"]["logged_time"] = ms(event.recorded_at)
    made["metadata"]["log_name"] = event.source
    made["metadata"]["correlation_uid"] = t.run_id
    if event.target:
        mail = _ADDRESS.match(event.target)
        made["observables"] = [{"name": "target", "type_id": 5 if mail else 99, "value": event.target}]
    if event.span:
        made["start_time"], made["end_time"] = ms(event.at), ms(event.recorded_at)
    made["unmapped"] = {
        "lane": event.lane.value,
        "actor": event.actor,
        "kind": event.kind,
        "certainty": event.certainty,
        "recorded_at": rfc3339(event.recorded_at),
        "time_after_record": event.after_record,
        "phase": event.phase,
        "step": event.step,
        "outcome": event.outcome,
        "source_id": event.source_id,
        "entry": event.entry,
        "leaf": event.leaf,
    }
    return made


def _act(t: Timeline, event: TimelineEvent) -> dict[str, Any]:
    made: dict[str, Any] = {
        **_base(t, 2, 2004, 1, event.at, _uid(event)),
        "class_name": "Detection Finding",
        "severity_id": _SEVERITY.get(t.severity, 0) if event.certainty != "uncertain" else 0,
        "status_id": 1,
        "confidence_id": _CONFIDENCE.get(event.certainty, 0),
        "finding_info": {
            "uid": _uid(event),
            "title": event.title,
            "desc": event.detail or event.title,
            "created_time": ms(event.at),
            "types": [event.kind],
            "data_sources": [event.source],
        },
    }
    if event.techniques:
        made["finding_info"]["attacks"] = [_attack(technique) for technique in event.techniques]
    return made


def _remediation(t: Timeline, event: TimelineEvent) -> dict[str, Any]:
    done = event.kind in ("changed", "undone")
    return {
        **_base(t, 7, 7001, _ACTIVITIES.get(event.phase, 99), event.at, _uid(event)),
        "class_name": "Remediation Activity",
        "severity_id": 1 if done else 3,
        "status_id": 1 if done else 2,
        "status": human_name(event.outcome or event.kind),
        "command_uid": event.entry,
        "remediation": {"desc": event.detail or event.title},
    }


def _base(t: Timeline, category: int, class_uid: int, activity: int, at: datetime, uid: str) -> dict[str, Any]:
    return {
        "category_uid": category,
        "class_uid": class_uid,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "time": ms(at),
        "timezone_offset": 0,
        "metadata": {
            "version": SCHEMA,
            "uid": uid,
            "original_time": rfc3339(at),
            "tenant_uid": t.tenant,
            "product": {"name": "Tenantry", "vendor_name": "Tenantry", "uid": "tenantry", "version": __version__},
        },
    }


def _uid(event: TimelineEvent) -> str:
    """One for each event: several acts of an attacker may come from one entry."""
    return (
        f"{event.entry}/{event.source_id or event.kind}"
        if event.lane is Lane.ATTACKER
        else f"{event.entry}/{event.kind}"
    )


def _attack(technique: str) -> dict[str, Any]:
    parent, _, sub = technique.partition(".")
    attack: dict[str, Any] = {"technique": {"uid": parent, "name": parent}}
    if sub:
        attack["sub_technique"] = {"uid": technique, "name": technique}
    return attack


def ms(at: datetime) -> int:
    """Milliseconds since 1970, as OCSF counts time."""
    return (at - _EPOCH) // timedelta(milliseconds=1)
