"""`host.collect_activity`"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._rows import RowStore
from tasks.host._common import OnHost
from tenantry.capabilities import HostConnection, HostLogin, HostSession, Process
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask

MOST = 1_000
"""Groups, and processes, in the output; all rows are evidence."""
_FLEETING = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/")  # noqa: S108  # where intruders put programs


class CollectActivityParams(OnHost):
    since: Annotated[
        datetime | None, Field(description="What is in question begins here; empty looks back 30 days")
    ] = None
    baseline_days: Annotated[
        int, Field(ge=0, le=90, description="Days before `since` that show what is ordinary; unused without `since`")
    ] = 14

    def reads_from(self, ctx: Context) -> datetime:
        """The oldest sign-in that is read."""
        if self.since is None:
            return ctx.run.started_at - timedelta(days=30)
        return self.since - timedelta(days=self.baseline_days)


class LoginGroup(BaseModel):
    """Sign-ins of one account from one address in one way."""

    model_config = ConfigDict(extra="forbid")
    account: str
    origin: str
    method: str
    key: str | None
    successes: int
    failures: int
    first_at: datetime
    last_at: datetime
    first_success_at: datetime | None
    login_ids: list[str]
    """The first twenty."""


class Activity(Output):
    """Who was on the host, and what of theirs runs."""

    host: str
    logins: list[LoginGroup]
    oldest_login: datetime | None
    sessions: list[HostSession]
    processes: list[Process]
    """Those whose program is deleted or lies where programs do not belong, or that are connected to somebody."""
    connections: list[HostConnection]
    """Those of these processes that lead elsewhere."""
    omitted: int
    evidence: list[EvidenceRef]


class CollectActivity(ReadTask[CollectActivityParams, Activity]):
    """Keep a host's sign-ins, sessions, processes and connections as evidence, and report those worth a look.

    ATT&CK T1078.003, T1059.004, T1036.005, T1071.
    """

    name = "host.collect_activity"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("find", "grep", "journalctl", "ss")),)
    timeout = 600.0
    Params = CollectActivityParams
    Output = Activity

    async def read(self, ctx: Context, p: CollectActivityParams) -> Activity:
        host, evidence = p.host, []
        connections = list(await ctx.host.connections(host))
        processes = list(await ctx.host.processes(host))
        sessions = list(await ctx.host.sessions(host))
        for name, rows in (("connections", connections), ("processes", processes), ("sessions", sessions)):
            store = RowStore(ctx, f"{host}/{name}")
            for row in rows:
                await store.add(row.model_dump(mode="json"))
            evidence.extend(await store.close())
        groups: dict[tuple[str, str, str, str | None], LoginGroup] = {}
        store, oldest = RowStore(ctx, f"{host}/logins"), None
        async for login in ctx.host.logins(host, p.reads_from(ctx)):
            oldest = min(oldest or login.at, login.at)
            _add(groups, login)
            await store.add(login.model_dump(mode="json"))
        evidence.extend(await store.close())
        outward = [c for c in connections if c.remote and not _local(c.remote)]
        talking = {pid for connection in outward for pid in connection.pids}
        worth = [one for one in processes if one.deleted or one.executable.startswith(_FLEETING) or one.pid in talking]
        shown = {one.pid for one in worth[:MOST]}
        found = sorted(groups.values(), key=lambda g: (g.first_at, g.account, g.origin))
        return Activity(
            host=host,
            logins=found[:MOST],
            oldest_login=oldest,
            sessions=sessions[:MOST],
            processes=worth[:MOST],
            connections=[c for c in outward if not shown.isdisjoint(c.pids)][:MOST],
            omitted=max(0, len(found) - MOST) + max(0, len(worth) - MOST),
            evidence=evidence,
        )


def _add(groups: dict[tuple[str, str, str, str | None], LoginGroup], login: HostLogin) -> None:
    place = (login.account, login.origin, login.method, login.key)
    group = groups.get(place)
    if group is None:
        group = groups[place] = LoginGroup(
            account=login.account,
            origin=login.origin,
            method=login.method,
            key=login.key,
            successes=0,
            failures=0,
            first_at=login.at,
            last_at=login.at,
            first_success_at=None,
            login_ids=[],
        )
    group.successes += login.success
    group.failures += not login.success
    group.first_at, group.last_at = min(group.first_at, login.at), max(group.last_at, login.at)
    if login.success:
        group.first_success_at = min(group.first_success_at or login.at, login.at)
    if len(group.login_ids) < 20:
        group.login_ids.append(login.id)


def _local(address: str) -> bool:
    return address.startswith("127.") or address in ("::1", "*", "0.0.0.0")  # noqa: S104  # compared
