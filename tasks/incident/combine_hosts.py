"""`incident.combine_hosts`"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.host._common import HostName
from tasks.incident._host_signs import Found
from tasks.incident.attribute_host_artifacts import HostArtifacts
from tenantry.task import Context, Output, ReadTask


class CombineHostsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    named: Annotated[list[HostName], Field(max_length=200, description="Hosts that the incident is about")]
    artifacts: Annotated[
        list[HostArtifacts], Field(max_length=200, description="Outputs of incident.attribute_host_artifacts")
    ]
    since: Annotated[AwareDatetime | None, Field(description="Where a host itself does not tell since when")] = None


class Window(BaseModel):
    """Since when an intruder was on one host."""

    model_config = ConfigDict(extra="forbid")
    host: str
    since: datetime | None
    """Surely fine until then: what it is taken back to was made before."""
    changed_since: datetime | None
    """First sign of the intruder on it, where there is one: what was changed before that is taken as the client's own work."""


class CombinedHosts(Output):
    """What intruders left on several hosts, by kind."""

    hosts: list[Window]
    """Those that were read."""
    unread: list[str]
    """Those that were named and could not be read: nothing is known of them."""
    attacker_ips: list[str]
    accounts: list[Found]
    keys: list[Found]
    cron: list[Found]
    units: list[Found]
    processes: list[Found]
    for_person: list[Found]
    limits: list[str]


class CombineHosts(ReadTask[CombineHostsParams, CombinedHosts]):
    """Put what was found on several hosts together, and say of which nothing is known. Pure: reads nothing."""

    name = "incident.combine_hosts"
    Params = CombineHostsParams
    Output = CombinedHosts

    async def read(self, ctx: Context, p: CombineHostsParams) -> CombinedHosts:  # noqa: ARG002  # nothing is read
        read = {found.host: found for found in p.artifacts}

        def every(of: Callable[[HostArtifacts], list[Found]]) -> list[Found]:
            return [thing for found in read.values() for thing in of(found)]

        starts = {host: found.window_start for host, found in read.items()}
        return CombinedHosts(
            hosts=[
                Window(
                    host=host,
                    since=min((at for at in (start, p.since) if at is not None), default=None),
                    changed_since=start or p.since,
                )
                for host, start in starts.items()
            ],
            unread=[host for host in dict.fromkeys(p.named) if host not in read],
            attacker_ips=sorted({ip for found in read.values() for ip in found.attacker_ips}),
            accounts=every(lambda found: found.accounts),
            keys=every(lambda found: found.keys),
            cron=every(lambda found: found.cron),
            units=every(lambda found: found.units),
            processes=every(lambda found: found.processes),
            for_person=every(lambda found: found.for_person),
            limits=[f"{found.host}: {limit}" for found in read.values() for limit in found.limits],
        )
