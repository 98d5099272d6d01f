"""`logs.collect_audit`"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks._addresses import canonical
from tasks._rows import RowStore
from tasks._window import Accounts, LookBack
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask, utc

MAX_RECORDS = 2_000
"""Records reported in the output; all of them are in the evidence."""

TELLING = frozenset(
    {
        *("new-inboxrule", "set-inboxrule", "enable-inboxrule", "updateinboxrules"),
        *("set-mailbox", "add-mailboxpermission", "add-recipientpermission", "add-mailboxfolderpermission"),
        *("addfolderpermissions", "modifyfolderpermissions", "updatefolderpermissions"),
        *("consent to application", "add delegated permission grant", "add oauth2permissiongrant"),
        *("add app role assignment grant to user", "add app role assignment to service principal"),
        *("update user", "add registered owner to device", "add registered users to device", "add device"),
        *("register device", "user registered security info", "admin registered security info"),
        *("new-mobiledevice", "set-mobiledevice"),
    }
)
"""Operations by which an attacker stays, in lower case and without the final dot that the log adds to some. Only these
are needed record by record; the others are counted.
https://learn.microsoft.com/purview/audit-log-activities"""


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    at: datetime
    operation: str
    actor: str
    ip: str
    object_id: str
    parameters: dict[str, str]


class AuditRecords(Output):
    """What the unified audit log has of the accounts' own doings."""

    read_from: datetime
    read_until: datetime
    complete: bool
    """False: the vendor had not answered in full within the patience; what is missing is unknown, not absent."""
    total: int
    records: list[Record]
    """The operations by which an attacker stays, oldest first."""
    records_omitted: int
    operations: dict[str, int]
    """How often each operation was done; the 100 most frequent."""
    operations_by_ip: dict[str, dict[str, int]]
    """Address → operation → how often, for the 50 busiest addresses: what was read from where."""
    evidence: list[EvidenceRef]


class CollectAuditParams(LookBack):
    accounts: Accounts
    patience: Annotated[
        float,
        Field(gt=0, le=7200, description="Seconds to wait for the vendor; then the answer says that it is incomplete"),
    ] = 1800
    earlier: Annotated[
        AuditRecords | None,
        Field(description="An earlier, perhaps incomplete answer: a complete one is passed on and nothing is searched"),
    ] = None


class CollectAudit(ReadTask[CollectAuditParams, AuditRecords]):
    """Keep what the unified audit log has about some accounts as evidence.

    The search takes the vendor minutes, sometimes hours, and the log itself is not changed by anything that containment
    does. So a runbook may ask with little patience before it acts, and for the rest (``earlier``) afterwards.
    https://learn.microsoft.com/graph/api/security-auditcoreroot-post-auditlogqueries
    """

    name = "logs.collect_audit"
    needs = ("logs", "identity")
    permissions = (Permission(vendor="microsoft365", names=("AuditLogsQuery.Read.All", "User.Read.All")),)
    timeout = 7500.0
    Params = CollectAuditParams
    Output = AuditRecords

    async def read(self, ctx: Context, p: CollectAuditParams) -> AuditRecords:
        if p.earlier is not None and p.earlier.complete:
            return p.earlier
        # Up to the start of the run, not up to now: a search that is taken up again after an interruption is the same one.
        start, until = p.start(ctx), ctx.run.started_at
        users = [(await ctx.identity.account(name)).upn for name in p.accounts]
        rows = RowStore(ctx, "audit")
        found: list[Record] = []
        by_ip: dict[str, Counter[str]] = {}
        operations: Counter[str] = Counter()
        complete = True
        if users:
            try:
                async with asyncio.timeout(p.patience), aclosing(_search(ctx, start, until, users)) as records:
                    async for record in records:
                        await rows.add(record.raw)
                        ip = canonical(record.ip)
                        operations[record.operation] += 1
                        by_ip.setdefault(ip, Counter())[record.operation] += 1
                        if record.operation.lower().rstrip(".") in TELLING:
                            found.append(
                                Record(
                                    id=record.id,
                                    at=utc(record.at),
                                    operation=record.operation,
                                    actor=record.actor,
                                    ip=ip,
                                    object_id=record.object_id,
                                    parameters={name: value[:500] for name, value in record.parameters.items()},
                                )
                            )
            except TimeoutError:
                complete = False
        found.sort(key=lambda record: (record.at, record.id))
        busiest = sorted(by_ip.items(), key=lambda entry: (-entry[1].total(), entry[0]))[:50]
        return AuditRecords(
            read_from=start,
            read_until=until,
            complete=complete,
            total=rows.total,
            records=found[-MAX_RECORDS:],
            records_omitted=max(0, len(found) - MAX_RECORDS),
            operations=dict(operations.most_common(100)),
            operations_by_ip={ip: dict(counts.most_common(20)) for ip, counts in busiest},
            evidence=await rows.close(),
        )


def _search(ctx: Context, start: datetime, until: datetime, users: list[str]) -> Any:
    # Typed as an iterator by the capability; every provider's is an async generator, which must be closed when given up.
    return ctx.logs.search(start, until, users=users)
