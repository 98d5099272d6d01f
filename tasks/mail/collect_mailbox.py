"""`mail.collect_mailbox`"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks._rows import evidence_name
from tasks._window import Accounts
from tenantry.capabilities import Account
from tenantry.errors import TargetNotFound
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask


class CollectMailboxParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    accounts: Accounts


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    enabled: bool
    hidden: bool
    forward_to: list[str]
    redirect_to: list[str]
    move_to_folder: str | None
    delete: bool
    mark_read: bool


class MailboxForwarding(BaseModel):
    model_config = ConfigDict(extra="forbid")
    address: str | None
    smtp_address: str | None
    keep_copy: bool


class MailboxDelegate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["full_access", "send_as", "folder"]
    trustee: str
    rights: list[str]
    folder: str | None
    id: str = ""
    """Names the right within the mailbox: kind, trustee and folder."""


class Phone(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    first_sync: datetime | None


class Mailbox(BaseModel):
    """What is set up in one mailbox."""

    model_config = ConfigDict(extra="forbid")
    account_id: str
    upn: str
    rules: list[Rule]
    forwarding: MailboxForwarding
    delegates: list[MailboxDelegate]
    mobile_devices: list[Phone]


class MailboxSnapshot(Output):
    taken_at: datetime
    mailboxes: list[Mailbox]
    without_mailbox: list[str]
    """Accounts that have no mailbox in this service."""
    evidence: list[EvidenceRef]


class CollectMailbox(ReadTask[CollectMailboxParams, MailboxSnapshot]):
    """Snapshot of some mailboxes' rules (hidden ones too), forwarding, delegates and mobile devices.

    Read for ATT&CK T1564.008, T1114.003 and T1098.002. Graph and Outlook show neither hidden rules nor forwarding nor
    permissions; this reads what Exchange itself holds.
    https://learn.microsoft.com/powershell/module/exchange/get-inboxrule (IncludeHidden), …/get-mailboxpermission
    """

    name = "mail.collect_mailbox"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    timeout = 300.0
    Params = CollectMailboxParams
    Output = MailboxSnapshot

    async def read(self, ctx: Context, p: CollectMailboxParams) -> MailboxSnapshot:
        evidence: list[EvidenceRef] = []
        mailboxes, without = [], []
        for name in p.accounts:
            account = await ctx.identity.account(name)
            try:
                mailboxes.append(await snapshot(ctx, account, evidence))
            except TargetNotFound:
                without.append(account.upn)
        return MailboxSnapshot(taken_at=ctx.now, mailboxes=mailboxes, without_mailbox=without, evidence=evidence)


async def snapshot(ctx: Context, account: Account, evidence: list[EvidenceRef] | None = None) -> Mailbox:
    """One mailbox as it is now; with ``evidence``, its full rows are stored and their references appended.

    Raises:
        TargetNotFound: the account has no mailbox.
    """
    rules, forwarding, delegates, phones = await asyncio.gather(
        ctx.mail.rules(account.id),
        ctx.mail.forwarding(account.id),
        ctx.mail.delegates(account.id),
        ctx.mail.mobile_devices(account.id),
    )
    if evidence is not None:
        for kind, rows in (
            ("rules", [rule.raw for rule in rules]),
            ("forwarding", [forwarding.model_dump(mode="json")]),
            ("delegates", [delegate.raw for delegate in delegates]),
            ("mobile-devices", [phone.raw for phone in phones]),
        ):
            evidence.append(
                await ctx.evidence.store_rows(evidence_name(ctx, f"mailbox/{account.id}/{kind}.jsonl"), rows)
            )
    return Mailbox(
        account_id=account.id,
        upn=account.upn,
        rules=[
            Rule(
                id=rule.id,
                name=rule.name,
                enabled=rule.enabled,
                hidden=rule.hidden,
                forward_to=list(rule.forward_to),
                redirect_to=list(rule.redirect_to),
                move_to_folder=rule.move_to_folder,
                delete=rule.delete,
                mark_read=rule.mark_read,
            )
            for rule in rules
        ],
        forwarding=MailboxForwarding.model_validate(forwarding.model_dump()),
        delegates=[
            MailboxDelegate(kind=d.kind, trustee=d.trustee, rights=list(d.rights), folder=d.folder, id=d.key)
            for d in delegates
        ],
        mobile_devices=[Phone(id=d.id, name=d.name, first_sync=d.first_sync) for d in phones],
    )
