"""`incident.attribute_artifacts`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks._addresses import canonical, outside, tenant_domains
from tasks.identity.collect_access import Access, AccessSnapshot, Grant
from tasks.identity.collect_directory_events import DirectoryEvents
from tasks.incident._acts import MAX_EVENTS, artifact_event
from tasks.incident._attribute import Attribution, Found, Setting, attribute
from tasks.incident._traces import (
    CONSENT,
    DEVICE,
    METHOD,
    Trace,
    about_mailbox,
    audit_trace,
    by_target,
    by_time,
    operation,
    parameter,
)
from tasks.logs.collect_audit import AuditRecords, Record
from tasks.mail.collect_mailbox import Mailbox, MailboxDelegate, MailboxSnapshot, Rule
from tenantry.task import Context, Output, ReadTask, utc
from tenantry.timeline.attacker import AttackerEvent

HIDING_FOLDERS = frozenset(
    {
        *(
            "rss feeds",
            "rss subscriptions",
            "rss-feeds",
            "archive",
            "conversation history",
            "deleted items",
            "junk email",
        ),
        *("junk e-mail", "trash", "notes", "sync issues", "recoverable items", "rssfeeds", "deleteditems", "junkemail"),
    }
)
"""Folders that nobody looks into, where attackers' rules move the answers of those they write to (ATT&CK T1564.008)."""

RISKY_SCOPE = re.compile(
    r"^(mail(boxsettings)?\.|files\.|sites\.|contacts\.|chat\.|notes\.|directory\.|application\.|rolemanagement\."
    r"|approleassignment\.|user\.readwrite|group\.readwrite|ews\.|imap\.|pop\.|smtp\.|full_access_as)",
    re.I,
)
"""Scopes that reach mail, files or the directory. ``offline_access`` and ``User.Read`` alone are asked for by every
application. https://learn.microsoft.com/defender-cloud-apps/investigate-risky-oauth"""

PASSWORD = "passwordMethods"  # noqa: S105  # the vendor's name of a collection, not a password

_RULE_OPERATIONS = frozenset({"new-inboxrule", "set-inboxrule", "enable-inboxrule", "updateinboxrules"})
_DELEGATE_OPERATIONS = {
    "full_access": frozenset({"add-mailboxpermission"}),
    "send_as": frozenset({"add-recipientpermission"}),
    "folder": frozenset(
        {"add-mailboxfolderpermission", "addfolderpermissions", "modifyfolderpermissions", "updatefolderpermissions"}
    ),
}


class AttributeArtifactsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mailboxes: Annotated[MailboxSnapshot, Field(description="Output of mail.collect_mailbox")]
    access: Annotated[AccessSnapshot, Field(description="Output of identity.collect_access")]
    events: Annotated[DirectoryEvents, Field(description="Output of identity.collect_directory_events")]
    audit: Annotated[AuditRecords, Field(description="Output of logs.collect_audit")]
    attacker_ips: Annotated[list[str], Field(max_length=1000, description="The attacker's addresses")]
    own_ips: Annotated[list[str], Field(max_length=5000, description="Addresses of the persons' own sign-ins")] = []
    window_start: Annotated[
        AwareDatetime | None, Field(description="First activity of the attacker; none: not known")
    ] = None


class Artifact(BaseModel):
    """One thing that was found, and whose it is."""

    model_config = ConfigDict(extra="forbid")

    id: str
    """Stable key: account and the vendor's object id."""
    kind: Literal["rule", "forwarding", "delegate", "consent", "method", "device", "mobile_device"]
    account: str
    """Object id of the account."""
    upn: str
    object_id: str
    label: str
    reason: str
    confidence: Literal["high", "medium"] | None = None
    evidence_ids: list[str] = []
    """Ids of the log entries that tell, as the vendor gives them."""


class RuleArtifact(Artifact):
    kind: Literal["rule"] = "rule"


class ForwardingArtifact(Artifact):
    kind: Literal["forwarding"] = "forwarding"
    address: str


class DelegateArtifact(Artifact):
    kind: Literal["delegate"] = "delegate"
    right: Literal["full_access", "send_as", "folder"]
    trustee: str
    folder: str | None


class ConsentArtifact(Artifact):
    kind: Literal["consent"] = "consent"


class MethodArtifact(Artifact):
    kind: Literal["method"] = "method"


class DeviceArtifact(Artifact):
    kind: Literal["device"] = "device"


class Artifacts(Output):
    """Every thing that was found stands in exactly one list. The first six are the attacker's."""

    rules: list[RuleArtifact]
    forwarding: list[ForwardingArtifact]
    delegates: list[DelegateArtifact]
    consents: list[ConsentArtifact]
    methods: list[MethodArtifact]
    devices: list[DeviceArtifact]
    for_person: list[Artifact]
    """Could not be told; a person decides."""
    kept: list[Artifact]
    """The persons' own, with the reason."""
    limits: list[str]
    """What could not be seen."""
    attacker_events: list[AttackerEvent] = Field(default_factory=list)
    """For the timeline: when what the attacker made was made; what may be theirs is uncertain."""


class AttributeArtifacts(ReadTask[AttributeArtifactsParams, Artifacts]):
    """Decide for every rule, forwarding, delegate, consent, method and device whether the attacker or the person made it.

    Pure: it reads nothing, so the same snapshot gives the same answer. The rule is in ``tasks/incident/_attribute.py``;
    what a person made stays, and what cannot be told goes to a person. Covers ATT&CK T1564.008, T1114.003, T1098.002,
    T1098.005, T1528 and T1556.006.
    """

    name = "incident.attribute_artifacts"
    Params = AttributeArtifactsParams
    Output = Artifacts

    async def read(self, ctx: Context, p: AttributeArtifactsParams) -> Artifacts:
        setting = Setting(
            attacker_ips=frozenset(canonical(ip) for ip in p.attacker_ips),
            own_ips=frozenset(canonical(ip) for ip in p.own_ips) - {canonical(ip) for ip in p.attacker_ips},
            window_start=utc(p.window_start) if p.window_start else None,
            logs_from=max(p.audit.read_from, p.events.read_from),
            logs_complete=p.audit.complete and not p.audit.records_omitted and not p.events.events_omitted,
        )
        sorter = _Sorter(setting)
        for mailbox in p.mailboxes.mailboxes:
            _mailbox(sorter, mailbox, p.audit.records, tenant_domains(ctx.subject, mailbox.upn))
        for access in p.access.accounts:
            _access(sorter, access, p)
        return sorter.output(_limits(p, setting))


class _Sorter:
    """Puts each thing into the list that its attribution names."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._attacker: list[Artifact] = []
        self._for_person: list[Artifact] = []
        self._kept: list[Artifact] = []
        self._events: list[AttackerEvent] = []

    def put(self, artifact: Artifact, found: Found) -> None:
        self.place(artifact, attribute(found, self.setting), found)

    def place(self, artifact: Artifact, decision: Attribution, found: Found) -> None:
        decided = artifact.model_copy(
            update={
                "reason": decision.reason,
                "confidence": decision.confidence,
                "evidence_ids": list(decision.evidence_ids)[:20],
            }
        )
        {"attacker": self._attacker, "for_person": self._for_person, "kept": self._kept}[decision.bucket].append(
            decided
        )
        if decision.bucket != "kept":
            event = artifact_event(decided, decision.bucket, found.traces, found.created_at)
            if event is not None and (self.setting.window_start is None or event.at >= self.setting.window_start):
                self._events.append(event)

    def output(self, limits: list[str]) -> Artifacts:
        plain = [[Artifact.model_validate(_common(a)) for a in part] for part in (self._for_person, self._kept)]
        return Artifacts(
            rules=[a for a in self._attacker if isinstance(a, RuleArtifact)],
            forwarding=[a for a in self._attacker if isinstance(a, ForwardingArtifact)],
            delegates=[a for a in self._attacker if isinstance(a, DelegateArtifact)],
            consents=[a for a in self._attacker if isinstance(a, ConsentArtifact)],
            methods=[a for a in self._attacker if isinstance(a, MethodArtifact)],
            devices=[a for a in self._attacker if isinstance(a, DeviceArtifact)],
            for_person=plain[0],
            kept=plain[1],
            limits=limits,
            attacker_events=sorted(self._events, key=lambda event: (event.at, event.source_id))[:MAX_EVENTS],
        )


def _common(artifact: Artifact) -> dict[str, object]:
    return {name: getattr(artifact, name) for name in Artifact.model_fields}


# --- mailboxes --------------------------------------------------------------------------------------------------------


def _mailbox(sorter: _Sorter, mailbox: Mailbox, audit: Iterable[Record], domains: frozenset[str]) -> None:
    owner = (mailbox.account_id, mailbox.upn)
    records = [record for record in audit if about_mailbox(record, owner)]
    for rule in mailbox.rules:
        traits = _rule_traits(rule, domains)
        sends_out = any(outside(target, domains) for target in (*rule.forward_to, *rule.redirect_to))
        sorter.put(
            RuleArtifact(
                id=f"{mailbox.account_id}/rule/{rule.id}",
                account=mailbox.account_id,
                upn=mailbox.upn,
                object_id=rule.id,
                label=f"rule {rule.name!r}",
                reason="",
            ),
            Found(
                traces=_rule_traces(rule, records),
                traits=traits,
                tricked=rule.hidden,
                never_ordinary=rule.hidden and sends_out,
            ),
        )
    for address in dict.fromkeys(a for a in (mailbox.forwarding.smtp_address, mailbox.forwarding.address) if a):
        sorter.put(
            ForwardingArtifact(
                id=f"{mailbox.account_id}/forwarding",
                account=mailbox.account_id,
                upn=mailbox.upn,
                object_id=mailbox.account_id,
                label=f"forwarding to {address}",
                reason="",
                address=address,
            ),
            Found(
                traces=_forwarding_traces(address, records),
                traits=["sends all mail outside"] if outside(address, domains) else [],
            ),
        )
        break  # the service forwards to one of the two; clearing takes both
    for delegate in mailbox.delegates:
        sorter.put(
            DelegateArtifact(
                id=f"{mailbox.account_id}/delegate/{delegate.kind}/{delegate.trustee}"
                + (f"/{delegate.folder}" if delegate.folder else ""),
                account=mailbox.account_id,
                upn=mailbox.upn,
                object_id=delegate.trustee,
                label=f"{delegate.kind} for {delegate.trustee}",
                reason="",
                right=delegate.kind,
                trustee=delegate.trustee,
                folder=delegate.folder,
            ),
            Found(
                traces=_delegate_traces(delegate, records),
                traits=["given to somebody outside"] if outside(delegate.trustee, domains) else [],
            ),
        )
    for phone in mailbox.mobile_devices:
        artifact = Artifact(
            id=f"{mailbox.account_id}/mobile_device/{phone.id}",
            kind="mobile_device",
            account=mailbox.account_id,
            upn=mailbox.upn,
            object_id=phone.id,
            label=f"mobile device {phone.name!r}",
            reason="",
        )
        found = Found(traces=[], created_at=phone.first_sync)
        decision = attribute(found, sorter.setting)
        if decision.bucket == "attacker":  # nothing takes a mobile device away yet; a person does
            decision = Attribution("for_person", decision.reason, None, decision.evidence_ids)
        sorter.place(artifact, decision, found)


def _rule_traits(rule: Rule, domains: frozenset[str]) -> list[str]:
    traits = []
    if rule.hidden:
        traits.append("hidden from the person")
    if any(outside(target, domains) for target in (*rule.forward_to, *rule.redirect_to)):
        traits.append("sends mail outside")
    folder = (rule.move_to_folder or "").lower().rsplit("\\", 1)[-1].rsplit(":", 1)[-1].rsplit("/", 1)[-1].strip()
    if folder in HIDING_FOLDERS:
        traits.append(f"moves mail to {rule.move_to_folder}")
    if rule.delete:
        traits.append("deletes mail")
    if len(re.findall(r"\w", rule.name)) <= 1:
        traits.append(f"has the name {rule.name!r}")
    return traits


def _rule_traces(rule: Rule, records: Iterable[Record]) -> list[Trace]:
    """Entries that name the rule by its id, or by a name that only this operation's arguments give. An entry that only
    changed a rule does not date its making."""
    traces = []
    for record in records:
        if operation(record) not in _RULE_OPERATIONS:
            continue
        named = {
            parameter(record, "Name").lower(),
            parameter(record, "RuleName").lower(),
            parameter(record, "Identity").rsplit("\\", 1)[-1].lower(),
            parameter(record, "RuleId").lower(),
            record.object_id.rsplit("\\", 1)[-1].lower(),
        } - {""}
        if {rule.id.lower(), rule.name.lower()} & named:
            traces.append(audit_trace(record, creates=operation(record) == "new-inboxrule"))
    return traces


def _forwarding_traces(address: str, records: Iterable[Record]) -> list[Trace]:
    wanted = _bare(address)
    return [
        audit_trace(record)
        for record in records
        if operation(record) == "set-mailbox"
        and wanted in {_bare(parameter(record, "ForwardingSmtpAddress")), _bare(parameter(record, "ForwardingAddress"))}
    ]


def _delegate_traces(delegate: MailboxDelegate, records: Iterable[Record]) -> list[Trace]:
    wanted = {delegate.trustee.lower(), delegate.trustee.lower().split("@", 1)[0]}
    return [
        audit_trace(record)
        for record in records
        if operation(record) in _DELEGATE_OPERATIONS[delegate.kind]
        and _bare(parameter(record, "User", "Trustee", "MemberUpn", "Delegate")) in wanted
    ]


def _bare(address: str) -> str:
    return address.lower().removeprefix("smtp:").strip()


# --- accounts ---------------------------------------------------------------------------------------------------------


def _access(sorter: _Sorter, access: Access, p: AttributeArtifactsParams) -> None:
    owner = (access.account_id, access.upn)
    events = p.events.events
    for grant in access.consents:
        traits = _grant_traits(grant)
        audit = [
            audit_trace(record)
            for record in p.audit.records
            if CONSENT.search(record.operation) and _names(record, grant.known_as)
        ]
        sorter.put(
            ConsentArtifact(
                **_of(
                    access,
                    "consent",
                    grant.id,
                    f"consent to {grant.app_name!r}" + (f" for {grant.scope}" if grant.scope else ""),
                )
            ),
            Found(
                traces=[*by_target(events, CONSENT, grant.known_as), *audit],
                created_at=grant.created_at,
                traits=traits,
                tricked=bool(traits),
            ),
        )
    for method in access.methods:
        if method.kind == PASSWORD:
            continue
        sorter.put(
            MethodArtifact(**_of(access, "method", method.id, f"{method.kind} {method.label!r}")),
            Found(
                traces=_unique(
                    [*by_target(events, METHOD, [method.id]), *by_time(events, METHOD, owner, method.created_at)]
                ),
                created_at=method.created_at,
            ),
        )
    for device in access.devices:
        sorter.put(
            DeviceArtifact(**_of(access, "device", device.id, f"device {device.name!r} ({device.operating_system})")),
            Found(
                traces=_unique(
                    [*by_target(events, DEVICE, [device.id]), *by_time(events, DEVICE, owner, device.registered_at)]
                ),
                created_at=device.registered_at,
            ),
        )


def _of(access: Access, kind: str, object_id: str, label: str) -> dict[str, str]:
    return {
        "id": f"{access.account_id}/{kind}/{object_id}",
        "account": access.account_id,
        "upn": access.upn,
        "object_id": object_id,
        "label": label,
        "reason": "",
    }


def _grant_traits(grant: Grant) -> list[str]:
    risky = sorted(scope for scope in grant.scope.split() if RISKY_SCOPE.match(scope))
    return [] if grant.app_verified or not risky else [f"a publisher nobody verified, with {', '.join(risky)}"]


def _names(record: Record, ids: Iterable[str]) -> bool:
    text = " ".join([record.object_id, *record.parameters.values()]).lower()
    return any(len(id) >= 8 and id.lower() in text for id in ids)


def _unique(traces: Iterable[Trace]) -> list[Trace]:
    return list({trace.id: trace for trace in traces}.values())


def _limits(p: AttributeArtifactsParams, setting: Setting) -> list[str]:
    limits = []
    if setting.window_start is None:
        limits.append("when the compromise began is not known: what was made lately goes to a person")
    if not p.audit.complete:
        limits.append("the audit log was not read in full")
    if p.audit.records_omitted or p.events.events_omitted:
        limits.append(
            f"{p.audit.records_omitted} audit records and {p.events.events_omitted} directory events were not looked at"
        )
    limits.extend(f"{upn} has no mailbox in this service" for upn in p.mailboxes.without_mailbox)
    return limits
