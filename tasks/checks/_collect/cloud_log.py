"""What was done in the cloud account, as its vendor logs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, Final

from tenantry.errors import Rejected
from tenantry.sweep.check import LEFT_OUT, Giver, collector
from tenantry.task import Permission

__all__ = ["cloud_events", "cloud_object_events"]

_OBJECTS_FOR: Final = timedelta(days=7)
"""How far back the files of trails are read: of what is done to objects there may be more in an hour than of everything else in a month."""


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
        yield LEFT_OUT if own and event.read_only else event.raw


@collector(
    "cloud_logs",
    "cloud_watch",
    log="cloudtrail",
    permissions=(
        Permission(
            vendor="aws",
            names=(
                *("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"),
                *("s3:GetLifecycleConfiguration", "s3:ListBucket", "s3:GetObject"),
            ),
        ),
    ),
)
async def cloud_object_events(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    """What was done to single objects in the last week at most, out of the files of the account's own trails: the vendor's own memory leaves
    it out (docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html).

    Raises:
        Rejected: no trail records it, so nothing can be said.
    """
    logs, watch = await given.capability("cloud_logs"), await given.capability("cloud_watch")
    trails = [trail async for trail in watch.trails() if trail.own and trail.objects]
    if not trails:
        raise Rejected(
            "no trail of the account records what is done to objects in buckets",
            remedy="Add data events of S3 to a trail, at least for the buckets whose loss would hurt.",
        )
    since = max(given.look.since, given.look.now - _OBJECTS_FOR)
    for trail in trails:
        async for event in logs.archived(trail.id, since, given.look.now):
            data = event.raw.get("managementEvent") is False or event.raw.get("eventCategory") == "Data"
            yield event.raw if data else LEFT_OUT
