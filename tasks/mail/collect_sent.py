"""`mail.collect_sent`"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks._addresses import outside, tenant_domains
from tasks._rows import RowStore
from tasks._window import Accounts, LookBack
from tenantry.errors import TargetNotFound
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask, utc

MAX_MESSAGES = 200
MAX_RECIPIENTS = 200


class CollectSentParams(LookBack):
    accounts: Accounts
    window_start: Annotated[
        AwareDatetime | None, Field(description="First activity of the attacker; read from there when it is known")
    ] = None


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    account_id: str
    at: datetime
    subject: str
    recipients: int
    outside: int
    internet_message_id: str


class SentMessages(Output):
    read_from: datetime
    total: int
    messages: list[Sent]
    """Newest first; at most 200."""
    messages_omitted: int
    outside_recipients: dict[str, int]
    """Address outside the tenant → messages it got; the 200 that got most. They must be warned."""
    outside_recipients_omitted: int
    evidence: list[EvidenceRef]


class CollectSent(ReadTask[CollectSentParams, SentMessages]):
    """Keep what was sent from some mailboxes as evidence: whom did the attacker write to in the person's name?

    Who of the client's partners must be warned of forged invoices comes from here (ATT&CK T1534, T1657).
    https://learn.microsoft.com/graph/api/user-list-messages
    """

    name = "mail.collect_sent"
    needs = ("mail", "identity")
    permissions = (
        Permission(vendor="microsoft365", names=("Mail.ReadBasic.All", "Exchange.ManageAsApp", "User.Read.All")),
    )
    timeout = 600.0
    Params = CollectSentParams
    Output = SentMessages

    async def read(self, ctx: Context, p: CollectSentParams) -> SentMessages:
        start = utc(p.window_start) if p.window_start else p.start(ctx)
        evidence: list[EvidenceRef] = []
        messages: list[Sent] = []
        warn: Counter[str] = Counter()
        total = 0
        for name in p.accounts:
            account = await ctx.identity.account(name)
            domains = tenant_domains(ctx.subject, account.upn)
            rows = RowStore(ctx, f"sent/{account.id}")
            try:
                async for message in ctx.mail.sent(account.id, start, ctx.now):
                    await rows.add(message.raw)
                    out = [address.lower() for address in message.recipients if outside(address, domains)]
                    warn.update(out)
                    if len(messages) < MAX_MESSAGES:
                        messages.append(
                            Sent(
                                id=message.id,
                                account_id=account.id,
                                at=utc(message.at),
                                subject=message.subject[:200],
                                recipients=len(message.recipients),
                                outside=len(out),
                                internet_message_id=message.internet_message_id,
                            )
                        )
            except TargetNotFound:
                continue  # no mailbox, nothing sent; mail.collect_mailbox reports it
            total += rows.total
            evidence.extend(await rows.close())
        return SentMessages(
            read_from=start,
            total=total,
            messages=messages,
            messages_omitted=total - len(messages),
            outside_recipients=dict(warn.most_common(MAX_RECIPIENTS)),
            outside_recipients_omitted=max(0, len(warn) - MAX_RECIPIENTS),
            evidence=evidence,
        )
