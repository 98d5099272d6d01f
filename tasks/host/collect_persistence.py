"""`host.collect_persistence`"""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from tasks._rows import RowStore
from tasks.host._common import OnHost
from tenantry.capabilities import AuthorizedKey, CronEntry, HostAccount, HostUnit, OtherWayIn
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask

MOST = 2_000
"""Rows of each kind in the output; all of them are evidence."""


class Persistence(Output):
    """By what somebody could come back."""

    host: str
    accounts: list[HostAccount]
    """Those that may sign in or administer; the others are in the evidence."""
    keys: list[AuthorizedKey]
    other_ways_in: list[OtherWayIn] = Field(default_factory=list)
    """What lets people in and no list of keys shows: nothing here can tell whom."""
    cron: list[CronEntry]
    units: list[HostUnit]
    """Those that belong to no package."""
    packages: int
    package_lists_at: datetime | None
    responder_key: str | None
    """Fingerprint of the key that we sign in with."""
    omitted: int
    """Rows beyond the first 2,000 of a kind; a judgement over an incomplete list must say so."""
    evidence: list[EvidenceRef]


class CollectPersistence(ReadTask[OnHost, Persistence]):
    """Keep a host's accounts, keys, cron entries, units and packages as evidence, and report what could start or let somebody in.

    ATT&CK T1136.001, T1098.004, T1053.003, T1543.002.
    """

    name = "host.collect_persistence"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("passwd", "cut", "sshd", "find", "tar")),)
    timeout = 300.0
    Params = OnHost
    Output = Persistence

    async def read(self, ctx: Context, p: OnHost) -> Persistence:
        host, evidence = p.host, []
        accounts = list(await ctx.host.accounts(host))
        keys = list(await ctx.host.authorized_keys(host))
        others = list(await ctx.host.other_ways_in(host))
        cron = list(await ctx.host.cron(host))
        units = list(await ctx.host.units(host))
        packages = list(await ctx.host.packages(host))
        for name, rows in (
            ("accounts", accounts),
            ("keys", keys),
            ("other-ways-in", others),
            ("cron", cron),
            ("units", units),
            ("packages", packages),
        ):
            store = RowStore(ctx, f"{host}/{name}")
            for row in rows:
                await store.add(row.model_dump(mode="json"))
            evidence.extend(await store.close())
        facts = await ctx.host.facts(host)
        today = ctx.now.date()
        doors = [account for account in accounts if account.privileged or account.open(today)]
        loose = [unit for unit in units if unit.package is None]
        return Persistence(
            host=host,
            accounts=doors[:MOST],
            keys=keys[:MOST],
            other_ways_in=others[:MOST],
            cron=cron[:MOST],
            units=loose[:MOST],
            packages=len(packages),
            package_lists_at=facts.package_lists_at,
            responder_key=facts.responder_key,
            omitted=sum(max(0, len(rows) - MOST) for rows in (doors, keys, cron, loose)),
            evidence=evidence,
        )
