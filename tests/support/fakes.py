"""In-memory providers for tests of tasks: strict, and every write is recorded in order.

A fake refuses what the Protocol's contract refuses (an unknown account, method or rule) and never does more than it was
asked. ``writes`` holds ``(what, target, value)``; a test that expects nothing to happen compares it with ``[]``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from pydantic import SecretStr

from tenantry.capabilities import (
    Account,
    Appearance,
    Application,
    ApplicationCredential,
    ApplicationGrant,
    AuditRecord,
    AuthMethod,
    AutomaticReply,
    Consent,
    ConsentPolicy,
    Delegate,
    Device,
    DirectoryEvent,
    Forwarding,
    InboxRule,
    Meeting,
    Message,
    MobileDevice,
    Owner,
    RoleAssignment,
    SentMessage,
    SignIn,
)
from tenantry.errors import Rejected, TargetNotFound
from tenantry.task import BaseTask, Context, EvidenceRef, RunFacts

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
"""When the runs of these tests begin."""


class Writes(list[tuple[str, str, Any]]):
    """Every accepted write, in order."""


class FakeIdentity:
    """One directory."""

    def __init__(self, writes: Writes, clock: FakeClock) -> None:
        self._writes = writes
        self._clock = clock
        self.people: dict[str, Account] = {}
        self.deleted: dict[str, Account] = {}
        self.anchors: dict[str, str] = {}
        self.role_list: list[RoleAssignment] = []
        self.method_list: dict[str, list[AuthMethod]] = {}
        self.consent_list: dict[str, list[Consent]] = {}
        self.device_list: dict[str, list[Device]] = {}
        self.sign_in_list: list[SignIn] = []
        self.event_list: list[DirectoryEvent] = []
        self.sign_in_reads: list[str] = []

    # --- reads --------------------------------------------------------------------------------------------------------

    def _find(self, user: str) -> Account:
        for account in self.people.values():
            if user.lower() in {account.id.lower(), account.upn.lower()}:
                return account
        raise TargetNotFound(f"there is no account {user}")

    async def account(self, user: str) -> Account:
        return self._find(user)

    async def accounts(self) -> AsyncIterator[Account]:
        for account in self.people.values():
            yield account

    async def roles(self, user: str) -> Sequence[RoleAssignment]:
        account_id = self._find(user).id
        return [role for role in self.role_list if role.account_id == account_id]

    async def role_holders(self, role: str) -> Sequence[Account]:
        return [self.people[held.account_id] for held in self.role_list if held.role == role]

    async def methods(self, user: str) -> Sequence[AuthMethod]:
        return list(self.method_list.get(self._find(user).id, []))

    async def consents(self, user: str) -> Sequence[Consent]:
        return list(self.consent_list.get(self._find(user).id, []))

    async def devices(self, user: str) -> Sequence[Device]:
        return list(self.device_list.get(self._find(user).id, []))

    async def device(self, device_id: str) -> Device:
        for devices in self.device_list.values():
            for device in devices:
                if device.id == device_id:
                    return device
        raise TargetNotFound(f"there is no device {device_id}")

    async def sign_ins(self, user: str | None, since: datetime, until: datetime) -> AsyncIterator[SignIn]:
        account_id = self._find(user).id if user else None
        self.sign_in_reads.append(account_id or "*")
        for sign_in in sorted(self.sign_in_list, key=lambda s: s.at, reverse=True):
            if since <= sign_in.at <= until and account_id in (None, sign_in.user_id):
                yield sign_in

    async def sign_ins_from(self, ip: str, since: datetime, until: datetime) -> AsyncIterator[SignIn]:
        for sign_in in sorted(self.sign_in_list, key=lambda s: s.at, reverse=True):
            if since <= sign_in.at <= until and sign_in.ip == ip:
                yield sign_in

    async def directory_events(self, user: str, since: datetime, until: datetime) -> AsyncIterator[DirectoryEvent]:
        account = self._find(user)
        for event in sorted(self.event_list, key=lambda e: e.at, reverse=True):
            about = account.id in event.target_ids or event.actor_upn == account.upn
            if since <= event.at <= until and about:
                yield event

    # --- writes -------------------------------------------------------------------------------------------------------

    def _update(self, user: str, **changes: Any) -> Account:
        account = self._find(user)
        self.people[account.id] = account.model_copy(update=changes)
        return account

    async def set_enabled(self, user: str, enabled: bool) -> None:
        account = self._update(user, enabled=enabled)
        self._writes.append(("set_enabled", account.id, enabled))

    async def directory_anchor(self, user: str) -> str | None:
        return self.anchors.get(self._find(user).id)

    async def set_directory_anchor(self, user: str, anchor: str | None) -> None:
        account = self._find(user)
        if anchor is None:
            self.anchors.pop(account.id, None)
        else:
            self.anchors[account.id] = anchor
        self._writes.append(("set_directory_anchor", account.id, anchor))

    async def delete_account(self, user_id: str) -> None:
        found = self.people.pop(user_id, None)
        if found is not None:
            self.deleted[user_id] = found
            self._writes.append(("delete_account", user_id, None))

    async def restore_account(self, user_id: str) -> None:
        if user_id not in self.deleted:
            raise TargetNotFound(f"{user_id} was not deleted, or is gone for good")
        self.people[user_id] = self.deleted.pop(user_id)
        self._writes.append(("restore_account", user_id, None))

    async def revoke_sessions(self, user: str) -> None:
        account = self._update(user, sessions_valid_from=self._clock.now().replace(microsecond=0))
        self._writes.append(("revoke_sessions", account.id, None))

    async def reset_password(self, user: str, password: SecretStr, *, change_at_next_sign_in: bool) -> None:
        if self._find(user).synced:
            raise Rejected("on-premises password writeback is not enabled")
        account = self._update(user, last_password_change=self._clock.now().replace(microsecond=0))
        self._writes.append(("reset_password", account.id, password.get_secret_value()))

    async def remove_method(self, user: str, kind: str, method_id: str) -> None:
        account = self._find(user)
        before = self.method_list.get(account.id, [])
        if any(m.id == method_id and m.kind != kind for m in before):
            raise Rejected("this id is of another kind of method")
        self.method_list[account.id] = [m for m in before if m.id != method_id]
        self._writes.append(("remove_method", f"{account.id}/{method_id}", kind))

    async def remove_consent(self, consent: Consent) -> None:
        for account_id, held in self.consent_list.items():
            self.consent_list[account_id] = [c for c in held if c.id != consent.id]
        self._writes.append(("remove_consent", consent.id, None))

    async def add_consent(self, consent: Consent) -> None:
        if consent.account_id is None:
            raise Rejected("this fake has no consents for the whole tenant")
        again = consent.model_copy(update={"id": f"{consent.id}-again"})
        self.consent_list.setdefault(consent.account_id, []).append(again)
        self._writes.append(("add_consent", again.id, consent.scope))

    async def set_device_enabled(self, device_id: str, enabled: bool) -> None:
        device = await self.device(device_id)
        for account_id, devices in self.device_list.items():
            self.device_list[account_id] = [
                d.model_copy(update={"enabled": enabled}) if d.id == device_id else d for d in devices
            ]
        self._writes.append(("set_device_enabled", device.id, enabled))


class FakeApplications:
    """Applications of one tenant, by object id."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.all: dict[str, Application] = {}
        self.grant_list: dict[str, list[ApplicationGrant]] = {}
        self.credential_list: dict[str, list[ApplicationCredential]] = {}
        self.owner_list: dict[str, list[Owner]] = {}
        self.sign_in_list: dict[str, list[SignIn]] = {}
        self.event_list: dict[str, list[DirectoryEvent]] = {}
        self.users_may_consent = True

    def add(self, name: str, /, **changes: Any) -> Application:
        """``name`` becomes ``sp-<name>`` and ``client-<name>``."""
        facts: dict[str, Any] = {
            "id": f"sp-{name}",
            "app_id": f"client-{name}",
            "name": name,
            "enabled": True,
            "verified": False,
            "publisher": "",
            "own": False,
            "first_party": False,
            "ours": False,
            "raw": {"id": f"sp-{name}", "vendor": "as it came"},
        }
        made = Application(**{**facts, **changes})
        self.all[made.id] = made
        return made

    async def find(self, name: str) -> Sequence[Application]:
        return [a for a in self.all.values() if name in {a.id, a.app_id, a.name, f"registration-{a.name}"}]

    async def application(self, application: str) -> Application:
        if application not in self.all:
            raise TargetNotFound(f"there is no application {application}")
        return self.all[application]

    async def set_enabled(self, application: str, enabled: bool) -> None:
        found = await self.application(application)
        self.all[application] = found.model_copy(update={"enabled": enabled})
        self._writes.append(("set_application_enabled", application, enabled))

    async def grants(self, application: str) -> Sequence[ApplicationGrant]:
        return list(self.grant_list.get(application, []))

    async def remove_grant(self, grant: ApplicationGrant) -> None:
        held = self.grant_list.get(grant.application_id, [])
        self.grant_list[grant.application_id] = [g for g in held if g.id != grant.id]
        self._writes.append(("remove_grant", grant.id, None))

    async def add_grant(self, grant: ApplicationGrant) -> None:
        again = grant.model_copy(update={"id": f"{grant.id}-again"})
        self.grant_list.setdefault(grant.application_id, []).append(again)
        self._writes.append(("add_grant", again.id, grant.scope))

    async def credentials(self, application: str) -> Sequence[ApplicationCredential]:
        return list(self.credential_list.get(application, []))

    async def remove_credential(self, credential: ApplicationCredential) -> None:
        held = self.credential_list.get(credential.application_id, [])
        self.credential_list[credential.application_id] = [c for c in held if c.id != credential.id]
        self._writes.append(("remove_credential", credential.id, None))

    async def owners(self, application: str) -> Sequence[Owner]:
        return list(self.owner_list.get(application, []))

    async def sign_ins(self, application: str, since: datetime, until: datetime) -> AsyncIterator[SignIn]:
        for entry in sorted(self.sign_in_list.get(application, []), key=lambda s: s.at, reverse=True):
            if since <= entry.at <= until:
                yield entry

    async def events(self, application: str, since: datetime, until: datetime) -> AsyncIterator[DirectoryEvent]:
        for event in sorted(self.event_list.get(application, []), key=lambda e: e.at, reverse=True):
            if since <= event.at <= until:
                yield event

    async def consent_policy(self) -> ConsentPolicy:
        return ConsentPolicy(users_may_consent=self.users_may_consent, policies=(), raw={})


class FakeMail:
    """Mailboxes, by the id of the account that owns them."""

    def __init__(self, writes: Writes, identity: FakeIdentity) -> None:
        self._writes = writes
        self._identity = identity
        self.rule_list: dict[str, list[InboxRule]] = {}
        self.forwarding_of: dict[str, Forwarding] = {}
        self.delegate_list: dict[str, list[Delegate]] = {}
        self.device_list: dict[str, list[MobileDevice]] = {}
        self.sent_list: dict[str, list[SentMessage]] = {}
        self.appearance_of: dict[str, Appearance] = {}
        self.reply_of: dict[str, AutomaticReply] = {}
        self.meeting_list: dict[str, list[Meeting]] = {}
        self.without: set[str] = set()

    def _owner(self, mailbox: str) -> str:
        account_id = self._identity._find(mailbox).id
        if account_id in self.without:
            raise TargetNotFound(f"{mailbox} has no mailbox")
        return account_id

    async def rules(self, mailbox: str) -> Sequence[InboxRule]:
        return list(self.rule_list.get(self._owner(mailbox), []))

    async def forwarding(self, mailbox: str) -> Forwarding:
        return self.forwarding_of.get(self._owner(mailbox), Forwarding())

    async def delegates(self, mailbox: str) -> Sequence[Delegate]:
        return list(self.delegate_list.get(self._owner(mailbox), []))

    async def appearance(self, mailbox: str) -> Appearance:
        owner = self._owner(mailbox)
        plain = Appearance(
            address=self._identity._find(mailbox).upn.lower(),
            kind="regular",
            hidden=False,
            synced=False,
            size=2**30,
            raw={},
        )
        return self.appearance_of.get(owner, plain)

    async def set_hidden(self, mailbox: str, hidden: bool) -> None:
        present = await self.appearance(mailbox)
        if present.synced:
            raise Rejected(f"{mailbox} is mastered on premises")
        self.appearance_of[self._owner(mailbox)] = present.model_copy(update={"hidden": hidden})
        self._writes.append(("set_hidden", self._owner(mailbox), hidden))

    async def set_shared(self, mailbox: str, shared: bool) -> None:
        kind = "shared" if shared else "regular"
        present = await self.appearance(mailbox)
        self.appearance_of[self._owner(mailbox)] = present.model_copy(update={"kind": kind})
        self._writes.append(("set_shared", self._owner(mailbox), shared))

    async def automatic_reply(self, mailbox: str) -> AutomaticReply:
        return self.reply_of.get(self._owner(mailbox), AutomaticReply())

    async def set_automatic_reply(self, mailbox: str, reply: AutomaticReply) -> None:
        """Texts come back as HTML, as from the vendor."""
        tagged = {name: f"<html><body>{getattr(reply, name)}</body></html>" for name in ("inside", "outside")}
        self.reply_of[self._owner(mailbox)] = reply if reply.state == "off" else reply.model_copy(update=tagged)
        self._writes.append(("set_automatic_reply", self._owner(mailbox), reply.state))

    async def meetings(self, mailbox: str, since: datetime) -> Sequence[Meeting]:
        found = self.meeting_list.get(self._owner(mailbox), [])
        return [one for one in found if one.until is None or one.until >= since]

    async def leave_meeting(self, mailbox: str, meeting: Meeting, comment: str) -> None:
        owner = self._owner(mailbox)
        self.meeting_list[owner] = [one for one in self.meeting_list.get(owner, []) if one.id != meeting.id]
        how = "cancel_meeting" if meeting.organized else "decline_meeting"
        self._writes.append((how, f"{owner}/{meeting.id}", comment))

    async def mobile_devices(self, mailbox: str) -> Sequence[MobileDevice]:
        return list(self.device_list.get(self._owner(mailbox), []))

    async def sent(self, mailbox: str, since: datetime, until: datetime) -> AsyncIterator[SentMessage]:
        for message in sorted(self.sent_list.get(self._owner(mailbox), []), key=lambda m: m.at, reverse=True):
            if since <= message.at <= until:
                yield message

    async def set_rule_enabled(self, mailbox: str, rule_id: str, enabled: bool) -> None:
        owner = self._owner(mailbox)
        if all(rule.id != rule_id for rule in self.rule_list.get(owner, [])):
            raise TargetNotFound(f"there is no rule {rule_id}")
        self.rule_list[owner] = [
            rule.model_copy(update={"enabled": enabled}) if rule.id == rule_id else rule
            for rule in self.rule_list[owner]
        ]
        self._writes.append(("set_rule_enabled", f"{owner}/{rule_id}", enabled))

    async def remove_rule(self, mailbox: str, rule_id: str) -> None:
        owner = self._owner(mailbox)
        self.rule_list[owner] = [rule for rule in self.rule_list.get(owner, []) if rule.id != rule_id]
        self._writes.append(("remove_rule", f"{owner}/{rule_id}", None))

    async def set_forwarding(self, mailbox: str, forwarding: Forwarding) -> None:
        owner = self._owner(mailbox)
        self.forwarding_of[owner] = forwarding
        self._writes.append(("set_forwarding", owner, forwarding.smtp_address or forwarding.address))

    async def remove_delegate(self, mailbox: str, delegate: Delegate) -> None:
        owner = self._owner(mailbox)
        self.delegate_list[owner] = [d for d in self.delegate_list.get(owner, []) if d.key != delegate.key]
        self._writes.append(("remove_delegate", f"{owner}/{delegate.key}", None))

    async def add_delegate(self, mailbox: str, delegate: Delegate) -> None:
        owner = self._owner(mailbox)
        self.delegate_list.setdefault(owner, []).append(delegate)
        self._writes.append(("add_delegate", f"{owner}/{delegate.key}", None))


class FakeLogs:
    def __init__(self) -> None:
        self.record_list: list[AuditRecord] = []
        self.searches: list[tuple[str, ...]] = []
        self.stall: Any = None
        """Awaited after the first record: a vendor that does not finish."""

    async def search(
        self, since: datetime, until: datetime, *, users: Sequence[str] = (), operations: Sequence[str] = ()
    ) -> AsyncIterator[AuditRecord]:
        self.searches.append(tuple(users))
        for record in self.record_list:
            if since <= record.at <= until and (not users or record.actor in users):
                yield record
                if self.stall is not None:
                    await self.stall()


class FakeMessenger:
    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.accepted: dict[str, Message] = {}
        self.can_be_asked = True

    async def sent(self, key: str, channel: str = "mail") -> bool | None:
        return key in self.accepted if self.can_be_asked else None

    async def send(self, message: Message) -> None:
        if message.key in self.accepted:
            raise Rejected("this key was sent already")
        self.accepted[message.key] = message
        self._writes.append(("send", message.key, message.subject))


class FakeSecrets:
    """Passwords are recognisable, so that a test can look for them where they must not be."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}

    async def generate_password(self, name: str) -> SecretStr:
        return SecretStr(self.made.setdefault(name, f"CANARY-{len(self.made)}"))

    def reference(self, name: str) -> str:
        return f"vault:acme/{name}"


class FakeEvidence:
    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    async def store_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> EvidenceRef:
        data = b"".join(json.dumps(row, sort_keys=True, default=str).encode() + b"\n" for row in rows)
        return self._store(name, data, len(rows))

    async def store_bytes(self, name: str, data: bytes) -> EvidenceRef:
        return self._store(name, data, None)

    def _store(self, name: str, data: bytes, rows: int | None) -> EvidenceRef:
        if self.stored.get(name, data) != data:
            raise Rejected(f"{name} was stored with other bytes")
        self.stored[name] = data
        return EvidenceRef(name, hashlib.sha256(data).hexdigest(), len(data), rows)

    def rows(self, name: str) -> list[Any]:
        return [json.loads(line) for line in self.stored[name].splitlines()]


class FakeClock:
    """Moves only when it is told to."""

    def __init__(self, at: datetime = NOW) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def tick(self, seconds: float = 1.0) -> datetime:
        self._at += timedelta(seconds=seconds)
        return self._at


@dataclass
class FakeTenant:
    """One tenant: its providers, and contexts for runs in it."""

    clock: FakeClock = field(default_factory=FakeClock)
    writes: Writes = field(default_factory=Writes)
    evidence: FakeEvidence = field(default_factory=FakeEvidence)
    protected: set[str] = field(default_factory=set)
    more: dict[str, Any] = field(default_factory=dict)
    """Capability → provider, besides the directory's."""
    subject: dict[str, Any] = field(
        default_factory=lambda: {
            "name": "acme",
            "display_name": "Acme",
            "domains": ["acme.example"],
            "time_zone": "UTC",
            "contacts": [],
        }
    )

    def __post_init__(self) -> None:
        self.identity = FakeIdentity(self.writes, self.clock)
        self.applications = FakeApplications(self.writes)
        self.mail = FakeMail(self.writes, self.identity)
        self.logs = FakeLogs()
        self.messenger = FakeMessenger(self.writes)
        self.secrets = FakeSecrets()

    @cached_property
    def host(self) -> Any:
        """Hosts, made when first asked for."""
        from .fake_host import FakeHost

        return FakeHost(self.writes)

    def context(
        self,
        task: BaseTask[Any],
        *,
        step: str = "step",
        item: str | None = None,
        mode: str = "run",
        intent_at: datetime | None = None,
        planned: Mapping[str, Any] | None = None,
        in_doubt: bool = False,
    ) -> Context:
        """As the engine makes it: only the capabilities that the task declares."""
        every = {
            "applications": self.applications,
            "identity": self.identity,
            "mail": self.mail,
            "logs": self.logs,
            "messenger": self.messenger,
            "secrets": self.secrets,
            **({"host": self.host} if "host" in task.needs else {}),
            **self.more,
        }
        return Context(
            run=RunFacts("run-1", "acme", mode, NOW, "business_email_compromise", step, item),
            capabilities={name: every[name] for name in task.needs},
            evidence=self.evidence,
            now=self.clock.now(),
            intent_at=intent_at,
            in_doubt=in_doubt,
            planned=planned or {},
            protected=frozenset(self.protected),
            subject=self.subject,
        )

    # --- what is in it ------------------------------------------------------------------------------------------------

    def add_account(self, name: str, **changes: Any) -> Account:
        """``name`` becomes ``id-<name>`` and ``<name>@acme.example``."""
        facts: dict[str, Any] = {
            "id": f"id-{name}",
            "upn": f"{name}@acme.example",
            "display_name": name.title(),
            "enabled": True,
            "synced": False,
            "sessions_valid_from": NOW - timedelta(days=90),
            "last_password_change": NOW - timedelta(days=60),
            "raw": {"id": f"id-{name}", "vendor": "as it came"},
        }
        account = Account(**{**facts, **changes})
        self.identity.people[account.id] = account
        return account

    def give_role(self, account: Account, role: str, *, privileged: bool = True) -> None:
        self.identity.role_list.append(
            RoleAssignment(
                id=f"ra-{account.id}-{role}", account_id=account.id, role=role, role_id=role, privileged=privileged
            )
        )


def sign_in(
    account: Account,
    at: datetime,
    *,
    ip: str = "192.0.2.10",
    country: str = "DE",
    agent: str = "Edge 120 Windows",
    success: bool = True,
    place: tuple[float, float] | None = None,
    id: str | None = None,
) -> SignIn:
    return SignIn(
        id=id or f"si-{account.id}-{at.isoformat()}-{ip}",
        at=at,
        user_id=account.id,
        upn=account.upn,
        ip=ip,
        country=country,
        city="",
        app="Office 365 Exchange Online",
        client="Browser",
        user_agent=agent,
        success=success,
        error_code=0 if success else 50126,
        interactive=True,
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
        raw={"id": id or at.isoformat(), "ip": ip},
    )
