"""`incident.summarize`"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.incident._sent import sent_events
from tasks.incident.attribute_artifacts import Artifact, Artifacts
from tasks.incident.find_other_victims import Victims
from tasks.incident.profile_sign_ins import SignInProfile
from tasks.incident.verify_contained import Containment
from tasks.logs.collect_audit import AuditRecords
from tasks.mail.collect_sent import SentMessages
from tenantry.task import Context, Output, ReadTask, utc
from tenantry.timeline.attacker import AttackerEvent

READ_OPERATIONS = ("MailItemsAccessed", "FileAccessed", "FileDownloaded", "FileSyncDownloadedFull", "MessageBind")
"""Operations that say what was looked at or taken (ATT&CK T1114.002, T1213, T1567)."""


class SummarizeParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    profile: Annotated[SignInProfile, Field(description="Output of incident.profile_sign_ins")]
    victims: Annotated[Victims, Field(description="Output of incident.find_other_victims")]
    artifacts: Annotated[Artifacts, Field(description="Output of incident.attribute_artifacts")]
    sent: Annotated[SentMessages, Field(description="Output of mail.collect_sent")]
    audit: Annotated[AuditRecords, Field(description="Output of logs.collect_audit")]
    containment: Annotated[
        Containment | None, Field(description="Output of incident.verify_contained; none: not contained yet")
    ] = None
    reported_at: Annotated[
        AwareDatetime | None, Field(description="When somebody noticed; the start of the run when nobody said")
    ] = None


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    upn: str
    label: str
    reason: str
    evidence_ids: list[str]


class Summary(Output):
    """The incident on one page. Times are UTC; durations are minutes, null where an end of them is not known."""

    title: str
    compromised_at: datetime | None
    detected_at: datetime
    contained_at: datetime | None
    dwell_minutes: int | None
    """Compromise to detection (VERIS timeline: compromise → discovery)."""
    containment_minutes: int | None
    """Detection to containment (MTTC)."""
    accounts: list[str]
    exposed: list[str]
    attacker_ips: list[str]
    removed: list[Thing]
    """What was attributed to the attacker."""
    kept: list[Thing]
    for_person: list[Thing]
    read_by_attacker: dict[str, int]
    """Operation → how often, from the attacker's addresses: what may have been read. Empty is not "nothing"."""
    messages_sent: int
    """Messages sent from the accounts during the compromise, the persons' own among them."""
    partners_to_warn: list[str]
    """Addresses outside that were written to meanwhile; the first 50."""
    known: list[str]
    not_known: list[str]
    attack: list[str]
    """ATT&CK techniques that were seen."""
    status: Literal["contained", "not_contained"]
    attacker_events: list[AttackerEvent] = Field(default_factory=list)
    """For the timeline: what was sent in the persons' names; by which rule it is the attacker's, `_sent.py` says."""


class Summarize(ReadTask[SummarizeParams, Summary]):
    """Put the incident on one page for the report: what happened, when, to whom, what was done, what is not known.

    Pure: it only puts together what other steps have proven.
    """

    name = "incident.summarize"
    Params = SummarizeParams
    Output = Summary

    async def read(self, ctx: Context, p: SummarizeParams) -> Summary:
        compromised = p.victims.window_start
        detected = utc(p.reported_at) if p.reported_at else utc(ctx.run.started_at)
        contained = p.containment.contained_at if p.containment is not None and p.containment.contained else None
        removed = [
            *(a for part in (p.artifacts.rules, p.artifacts.forwarding, p.artifacts.delegates) for a in part),
            *(a for part in (p.artifacts.consents, p.artifacts.methods, p.artifacts.devices) for a in part),
        ]
        read: Counter[str] = Counter()
        for ip in p.victims.attacker_ips:
            counts = p.audit.operations_by_ip.get(ip, {})
            read.update({name: count for name, count in counts.items() if name in READ_OPERATIONS})
        accounts = [victim.upn for victim in p.victims.accounts]
        return Summary(
            title=f"Business email compromise of {accounts[0] if accounts else 'no account'}"
            + (f" and {len(accounts) - 1} more" if len(accounts) > 1 else ""),
            compromised_at=compromised,
            detected_at=detected,
            contained_at=contained,
            dwell_minutes=_minutes(detected - compromised) if compromised else None,
            containment_minutes=_minutes(contained - detected) if contained else None,
            accounts=accounts,
            exposed=[found.upn for found in p.victims.exposed],
            attacker_ips=p.victims.attacker_ips,
            removed=[_thing(a) for a in removed],
            kept=[_thing(a) for a in p.artifacts.kept],
            for_person=[_thing(a) for a in p.artifacts.for_person],
            read_by_attacker=dict(read),
            messages_sent=p.sent.total,
            partners_to_warn=sorted(p.sent.outside_recipients)[:50],
            known=_known(p, len(removed)),
            not_known=_not_known(p, compromised),
            attack=_techniques(p),
            status="contained" if contained else "not_contained",
            attacker_events=sent_events(p.sent, p.audit, p.victims),
        )


def _thing(artifact: Artifact) -> Thing:
    return Thing(upn=artifact.upn, label=artifact.label, reason=artifact.reason, evidence_ids=artifact.evidence_ids)


def _minutes(span: timedelta) -> int | None:
    minutes = round(span.total_seconds() / 60)
    return minutes if minutes >= 0 else None


def _known(p: SummarizeParams, removed: int) -> list[str]:
    known = [f"{victim.upn}: {'; '.join(victim.why)}" for victim in p.victims.accounts]
    if removed:
        known.append(f"{removed} things that the attacker left were found and dealt with")
    if p.containment is not None and p.containment.contained:
        known.append(f"contained, proven in {len(p.containment.proofs)} points")
    return known


def _not_known(p: SummarizeParams, compromised: datetime | None) -> list[str]:
    unknown = []
    if compromised is None:
        unknown.append("when the compromise began")
    if p.profile.verdict == "could_not_tell":
        unknown.append("which sign-ins were the attacker's")
    if not p.audit.complete:
        unknown.append("everything that was read or changed: the audit log was not read in full")
    if p.profile.uncertain:
        unknown.append(f"whether {len(p.profile.uncertain)} further sign-ins were the person's own")
    if p.artifacts.for_person:
        unknown.append(f"whose these are: {len(p.artifacts.for_person)} of the things in the accounts")
    if p.containment is None or not p.containment.contained:
        unknown.append("whether the attacker is out: containment is not proven yet")
    unknown.extend(p.profile.limits[1:])
    unknown.extend(p.victims.limits)
    return list(dict.fromkeys(unknown))


def _techniques(p: SummarizeParams) -> list[str]:
    seen = {"T1078.004"} if p.profile.attacker else set()
    for part, technique in (
        (p.artifacts.rules, "T1564.008"),
        (p.artifacts.forwarding, "T1114.003"),
        (p.artifacts.delegates, "T1098.002"),
        (p.artifacts.consents, "T1528"),
        (p.artifacts.methods, "T1556.006"),
        (p.artifacts.devices, "T1098.005"),
    ):
        if part:
            seen.add(technique)
    if p.victims.others:
        seen.add("T1534")
    return sorted(seen)
