"""`incident.attribute_host_artifacts`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._addresses import Network, known_networks
from tasks.host._common import ways_in
from tasks.host.collect_activity import Activity
from tasks.host.collect_persistence import Persistence
from tasks.incident._host_signs import Address, Found, Marks, addresses, things
from tenantry.task import Context, Output, ReadTask


class AttributeHostArtifactsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    activity: Activity
    persistence: Persistence
    since: Annotated[datetime | None, Field(description="What lies before is taken as ordinary")] = None
    known_bad_ips: list[Network] = []
    known_good_ips: list[Network] = []
    others: Annotated[
        list[Found], Field(max_length=5_000, description="What the same intruder left on the incident's other hosts")
    ] = []
    others_ips: Annotated[
        list[str], Field(max_length=1_000, description="Addresses from which the same intruder came to other hosts")
    ] = []


class HostArtifacts(Output):
    """What the attacker left on the host, by kind; and what a person must decide."""

    host: str
    addresses: list[Address]
    attacker_ips: list[str]
    window_start: datetime | None
    accounts: list[Found]
    keys: list[Found]
    cron: list[Found]
    units: list[Found]
    processes: list[Found]
    for_person: list[Found]
    limits: list[str]


class AttributeHostArtifacts(ReadTask[AttributeHostArtifactsParams, HostArtifacts]):
    """Say which accounts, keys, cron entries, units and processes of a host are an intruder's, and why.

    Two signs, one of them strong, or it is for a person; what the client's own people use is theirs. What is theirs on another host of the
    incident is a strong sign here. The rule stands in ``tasks/incident/_host_signs.py``.
    """

    name = "incident.attribute_host_artifacts"
    Params = AttributeHostArtifactsParams
    Output = HostArtifacts

    async def read(self, ctx: Context, p: AttributeHostArtifactsParams) -> HostArtifacts:
        good = [*p.known_good_ips, *known_networks(ctx.subject)]
        marks = Marks.of(p.others, p.others_ips)
        seen = addresses(p.activity.logins, p.since, p.known_bad_ips, good, marks.ips)
        theirs = [address for address in seen if address.verdict == "attacker"]
        named = [ip for ip in p.known_bad_ips if "/" not in ip]
        attackers = list(dict.fromkeys([*(a.ip for a in theirs), *named, *sorted(marks.ips)]))
        start = min((address.first_at for address in theirs), default=p.since)
        found = things(p.activity, p.persistence, attackers, good, p.since or start, marks)
        sure = [thing for verdict, thing in found if verdict == "attacker"]
        unsure = [thing for verdict, thing in found if verdict == "uncertain"]
        unsure += [
            Found(
                kind="key",
                host=p.persistence.host,
                id=f"sshd#{way}",
                label=way,
                reasons=["whom it lets in cannot be told"],
            )
            for way in ways_in(p.persistence.other_ways_in)
        ]
        return HostArtifacts(
            host=p.persistence.host,
            addresses=seen,
            attacker_ips=attackers,
            window_start=start,
            accounts=[thing for thing in sure if thing.kind == "account"],
            keys=[thing for thing in sure if thing.kind == "key"],
            cron=[thing for thing in sure if thing.kind == "cron"],
            units=[thing for thing in sure if thing.kind == "unit"],
            processes=[thing for thing in sure if thing.kind == "process"],
            for_person=unsure,
            limits=_limits(p, theirs),
        )


def _limits(p: AttributeHostArtifactsParams, theirs: list[Address]) -> list[str]:
    limits = ["an intruder who was root may have changed the host's own logs and programs, by which it was read"]
    if not theirs:
        limits.append("no address could be told to be the attacker's, so little could be told of what they left")
    if p.activity.oldest_login is None:
        limits.append("the host keeps no log of sign-ins")
    elif p.since is not None and p.activity.oldest_login > p.since:
        limits.append(f"the host's log of sign-ins begins at {p.activity.oldest_login:%Y-%m-%d %H:%M} UTC")
    if p.activity.omitted or p.persistence.omitted:
        limits.append(f"{p.activity.omitted + p.persistence.omitted} rows were not judged; they are in the evidence")
    return limits
