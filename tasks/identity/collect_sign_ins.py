"""`identity.collect_sign_ins`"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from tasks._rows import RowStore
from tasks._window import Accounts, LookBack
from tasks.identity._sign_ins import MAX_GROUPS, MAX_JOURNEYS, Grouper, Journey, SignInGroup
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask


class CollectSignInsParams(LookBack):
    accounts: Accounts
    baseline_days: Annotated[
        int, Field(ge=0, le=90, description="Days before `since` that show what is ordinary; unused without `since`")
    ] = 14


class SignIns(Output):
    """Sign-ins of the accounts, grouped; the full rows are evidence."""

    since: datetime | None
    """The start that a person gave; what lies before is ordinary."""
    read_from: datetime
    read_until: datetime
    oldest: datetime | None
    """The oldest sign-in there was: logs may reach less far back than asked."""
    total: int
    groups: list[SignInGroup]
    groups_omitted: int
    """Groups beyond the first 500; a judgement over an incomplete list must say so."""
    journeys: list[Journey]
    journeys_omitted: int
    evidence: list[EvidenceRef]


class CollectSignIns(ReadTask[CollectSignInsParams, SignIns]):
    """Keep every sign-in of some accounts as evidence, and report from where, with what, since when.

    The vendor publishes sign-ins minutes late, and keeps them for 7 to 30 days.
    https://learn.microsoft.com/graph/api/signin-list
    """

    name = "identity.collect_sign_ins"
    needs = ("identity",)
    permissions = (Permission(vendor="microsoft365", names=("AuditLog.Read.All", "Directory.Read.All")),)
    timeout = 600.0
    Params = CollectSignInsParams
    Output = SignIns

    async def read(self, ctx: Context, p: CollectSignInsParams) -> SignIns:
        start = p.start(ctx)
        read_from = start - timedelta(days=p.baseline_days) if p.since is not None else start
        grouper, evidence = Grouper(), []
        for account in p.accounts:
            account_id = (await ctx.identity.account(account)).id
            rows = RowStore(ctx, f"sign-ins/{account_id}")
            async for sign_in in ctx.identity.sign_ins(account_id, read_from, ctx.now):
                grouper.add(sign_in)
                await rows.add(sign_in.raw)
            evidence.extend(await rows.close())
        groups, journeys = grouper.groups(), grouper.journeys()
        return SignIns(
            since=p.since,
            read_from=read_from,
            read_until=ctx.now,
            oldest=grouper.oldest,
            total=grouper.total,
            groups=groups[:MAX_GROUPS],
            groups_omitted=max(0, len(groups) - MAX_GROUPS),
            journeys=journeys[:MAX_JOURNEYS],
            journeys_omitted=max(0, len(journeys) - MAX_JOURNEYS),
            evidence=evidence,
        )
