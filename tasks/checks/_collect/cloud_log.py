"""What was done in the cloud account, as its vendor logs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["cloud_events"]


@collector(
    "cloud_logs",
    "cloud_identity",
    log="cloudtrail",
    permissions=(
        Permission(vendor="aws", names=("cloudtrail:LookupEvents", "ec2:DescribeRegions", "sts:GetCallerIdentity")),
    ),
)
async def cloud_events(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    """In every region that the account has enabled, as far back as the window and the vendor's memory go.

    What our own role only reads is left out: a sweep looks around in the whole account, which is what others are caught by. What our role
    changes is shown as everybody's.
    """
    logs, identity = await given.capability("cloud_logs"), await given.capability("cloud_identity")
    ours = await identity.caller()
    name = ours.ref.partition("/")[2]
    async for event in logs.events(given.look.since, given.look.now):
        own = f":{ours.account}:role/" in event.issuer and event.issuer.rpartition("/")[2] == name
        if not (own and event.read_only):
            yield event.raw
