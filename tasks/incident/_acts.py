"""What the attacker did, one by one, for the timeline: in the words of :class:`tenantry.timeline.attacker.AttackerEvent`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from tasks.incident._judge import Suspect
from tenantry.task import utc
from tenantry.timeline.attacker import AttackerEvent

if TYPE_CHECKING:
    from tasks.incident._traces import Trace
    from tasks.incident.attribute_artifacts import Artifact
    from tasks.incident.find_other_victims import Victim

SIGN_IN_LOG: Final = "sign-in log"
MAX_EVENTS: Final = 400

_MADE: Final = {
    "rule": ("Made or changed the inbox", ("T1564.008",)),
    "forwarding": ("Set", ("T1114.003",)),
    "delegate": ("Gave rights on the mailbox:", ("T1098.002",)),
    "consent": ("Gave", ("T1528",)),
    "method": ("Registered the authentication method", ("T1556.006",)),
    "device": ("Registered the", ("T1098.005",)),
    "mobile_device": ("Connected the", ("T1098.005",)),
}


def sign_in_events(suspects: Iterable[Suspect]) -> list[AttackerEvent]:
    """The first successful sign-in of each group, and how many followed."""
    events = []
    for suspect in suspects:
        where = f" ({suspect.country})" if suspect.country else ""
        more = f"; {suspect.successes} successful until {_time(suspect.last_at)}" if suspect.successes > 1 else ""
        events.append(
            AttackerEvent(
                at=utc(suspect.first_at),
                title=f"Signed in as {suspect.upn} from {suspect.ip}{where}",
                detail=f"{suspect.client}{more}; {'; '.join(suspect.reasons)}",
                source=SIGN_IN_LOG,
                source_id=suspect.sign_in_ids[0] if suspect.sign_in_ids else "",
                certainty="attributed" if suspect.verdict == "attacker" else "uncertain",
                kind="sign_in",
                target=suspect.upn,
                techniques=("T1078.004",),
            )
        )
    return events[:MAX_EVENTS]


def victim_events(victims: Iterable[Victim]) -> list[AttackerEvent]:
    """The first activity in each account besides the one that the incident began with."""
    return [
        AttackerEvent(
            at=utc(victim.first_attacker_activity),
            title=f"Signed in as {victim.upn}",
            detail="; ".join(victim.why),
            source=SIGN_IN_LOG,
            source_id=victim.sign_in_ids[0] if victim.sign_in_ids else "",
            certainty="attributed",
            kind="sign_in",
            target=victim.upn,
            techniques=("T1078.004",),
        )
        for victim in victims
        if not victim.primary and victim.first_attacker_activity is not None
    ][:MAX_EVENTS]


def artifact_event(
    artifact: Artifact, bucket: Literal["attacker", "for_person"], traces: Sequence[Trace], made: datetime | None
) -> AttackerEvent | None:
    """When a thing was made, by the log entry that tells, else by its own date; None when neither is known."""
    telling = min(
        (trace for trace in traces if trace.id in artifact.evidence_ids),
        key=lambda trace: (trace.at, trace.id),
        default=None,
    )
    at = telling.at if telling is not None else made
    if at is None:
        return None
    words, techniques = _MADE[artifact.kind]
    return AttackerEvent(
        at=utc(at),
        title=f"{words} {artifact.label}",
        detail=artifact.reason,
        source=telling.log if telling is not None else "the object's own date",
        source_id=telling.id if telling is not None else artifact.object_id,
        certainty="attributed" if bucket == "attacker" else "uncertain",
        kind=artifact.kind,
        target=artifact.upn,
        techniques=techniques,
    )


def _time(at: datetime) -> str:
    return utc(at).strftime("%Y-%m-%d %H:%M UTC")
