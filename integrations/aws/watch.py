"""``cloud_watch`` over CloudTrail, Config, EC2's flow logs and Route 53 Resolver.

Sources (docs.aws.amazon.com):
    /awscloudtrail/latest/APIReference/API_GetTrailStatus.html, API_GetEventSelectors.html
    /awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html      what selectors leave out
    /config/latest/APIReference/API_DescribeConfigurationRecorderStatus.html
    /AWSEC2/latest/APIReference/API_FlowLog.html
    /Route53/latest/APIReference/API_route53resolver_ResolverQueryLogConfig.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from integrations.aws.caller import Caller, answered
from integrations.aws.everywhere import each_region
from integrations.aws.lifecycle import expires_days
from tenantry.capabilities.cloud_watch import NetworkLog, Recorder, WatchedTrail
from tenantry.errors import PermissionMissing, TargetNotFound

__all__ = ["AwsWatch"]

_OBJECTS: Final = "AWS::S3::Object"


class AwsWatch:
    """Implements :class:`tenantry.capabilities.CloudWatch`."""

    def __init__(self, caller: Caller, account: str) -> None:
        self._caller = caller
        self._account = account

    # --- trails -------------------------------------------------------------------------------------------------------

    async def trails(self) -> AsyncIterator[WatchedTrail]:
        """DescribeTrails shows those of other regions that record here as well, so each comes once."""
        seen: set[str] = set()
        for region in self._caller.regions:
            answer = await self._caller.read("cloudtrail", "describe_trails", region, includeShadowTrails=True)
            for row in answered(answer, "trailList", "cloudtrail.DescribeTrails"):
                if str(row["TrailARN"]) not in seen:
                    seen.add(str(row["TrailARN"]))
                    yield await self._trail(row, str(row.get("HomeRegion") or region))

    async def _trail(self, row: Mapping[str, Any], region: str) -> WatchedTrail:
        arn, bucket = str(row["TrailARN"]), str(row.get("S3BucketName", ""))
        own = f":{self._account}:" in arn
        status = await self._caller.read("cloudtrail", "get_trail_status", region, Name=arn)
        selected = await self._selected(arn, region, own=own)
        prefix = str(row.get("S3KeyPrefix") or "").strip("/")
        path = f"{prefix}/AWSLogs/{self._account}/CloudTrail/" if prefix else f"AWSLogs/{self._account}/CloudTrail/"
        try:
            days, known = await expires_days(self._caller, bucket, self._account, path=path), True
        except (PermissionMissing, TargetNotFound):  # another account's, which we have no business in; or gone
            days, known = None, False
        return WatchedTrail(
            id=arn,
            name=str(row.get("Name", "")),
            region=region,
            own=own,
            recording=bool(answered(status, "IsLogging", "cloudtrail.GetTrailStatus")),
            every_region=bool(row.get("IsMultiRegionTrail")),
            global_services=bool(row.get("IncludeGlobalServiceEvents")),
            validated=bool(row.get("LogFileValidationEnabled")),
            reads=selected.reads,
            writes=selected.writes,
            excluded=selected.excluded,
            objects=selected.objects,
            bucket=bucket,
            expires_days=days,
            bucket_known=known,
            delivery_error=str(status.get("LatestDeliveryError") or ""),
            delivered_at=_moment(status.get("LatestDeliveryTime")),
            stopped_at=_moment(status.get("StopLoggingTime")),
        )

    async def _selected(self, arn: str, region: str, *, own: bool) -> _Selected:
        try:
            answer = await self._caller.read("cloudtrail", "get_event_selectors", region, TrailName=arn)
        except (PermissionMissing, TargetNotFound):
            if own:
                raise
            return _Selected()
        advanced = answer.get("AdvancedEventSelectors") or ()
        return _advanced(advanced) if advanced else _basic(answer.get("EventSelectors") or ())

    # --- recorders and logs -------------------------------------------------------------------------------------------

    async def recorders(self) -> AsyncIterator[Recorder]:
        """What it is, and whether it runs: two requests a region."""

        async def of(region: str) -> AsyncIterator[Recorder]:
            answer = await self._caller.read("config", "describe_configuration_recorders", region)
            rows = answered(answer, "ConfigurationRecorders", "config.DescribeConfigurationRecorders")
            if not rows:
                return
            answer = await self._caller.read("config", "describe_configuration_recorder_status", region)
            status = {
                str(row["name"]): row
                for row in answered(
                    answer, "ConfigurationRecordersStatus", "config.DescribeConfigurationRecorderStatus"
                )
            }
            for row in rows:
                name, now = str(row["name"]), status.get(str(row["name"]), {})
                group = row.get("recordingGroup") or {}
                yield Recorder(
                    region=region,
                    name=name,
                    recording=bool(now.get("recording")),
                    stopped_at=_moment(now.get("lastStopTime")),
                    everything=bool(group.get("allSupported")),
                )

        async for found in each_region(self._caller.regions, of):
            yield found

    async def network_logs(self) -> AsyncIterator[NetworkLog]:
        """Flow logs, then DNS query logs, of each region."""

        async def of(region: str) -> AsyncIterator[NetworkLog]:
            async for page in self._caller.pages("ec2", "describe_flow_logs", "FlowLogs", region):
                for row in page["FlowLogs"]:
                    failed = row.get("DeliverLogsStatus") == "FAILED"
                    yield NetworkLog(
                        id=str(row["FlowLogId"]),
                        region=region,
                        kind="flow",
                        name=str(row.get("LogGroupName") or row.get("LogDestination") or ""),
                        about=str(row.get("ResourceId", "")),
                        active=row.get("FlowLogStatus") == "ACTIVE",
                        error=str(row.get("DeliverLogsErrorMessage") or "FAILED") if failed else "",
                        fed=True,
                        created_at=row.get("CreationTime"),
                    )
            async for page in self._caller.pages(
                "route53resolver", "list_resolver_query_log_configs", "ResolverQueryLogConfigs", region
            ):
                for row in page["ResolverQueryLogConfigs"]:
                    yield NetworkLog(
                        id=str(row["Id"]),
                        region=region,
                        kind="dns",
                        name=str(row.get("Name", "")),
                        about="",
                        active=row.get("Status") in ("CREATED", "CREATING"),
                        error=str(row["Status"]) if row.get("Status") == "FAILED" else "",
                        fed=bool(row.get("AssociationCount")),
                        created_at=_moment(row.get("CreationTime")),
                    )

        async for found in each_region(self._caller.regions, of):
            yield found


@dataclass(frozen=True, slots=True)
class _Selected:
    """What is recorded; None: not known."""

    reads: bool | None = None
    writes: bool | None = None
    excluded: tuple[str, ...] = ()
    objects: bool | None = None


def _moment(value: Any) -> datetime | None:
    """Times come as such or, from some services, as text."""
    if isinstance(value, str) and value:
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _basic(selectors: Sequence[Mapping[str, Any]]) -> _Selected:
    """No selectors at all: a trail as it is made, which records all management events and nothing else."""
    if not selectors:
        return _Selected(True, True, (), False)
    kinds = {str(one.get("ReadWriteType") or "All") for one in selectors if one.get("IncludeManagementEvents", True)}
    excluded = {str(source) for one in selectors for source in one.get("ExcludeManagementEventSources") or ()}
    objects = any(
        data.get("Type") == _OBJECTS and data.get("Values") and one.get("ReadWriteType") != "ReadOnly"
        for one in selectors
        for data in one.get("DataResources") or ()
    )
    return _Selected(
        bool(kinds & {"All", "ReadOnly"}), bool(kinds & {"All", "WriteOnly"}), tuple(sorted(excluded)), objects
    )


def _advanced(selectors: Sequence[Mapping[str, Any]]) -> _Selected:
    reads = writes = objects = False
    excluded: set[str] = set()
    for one in selectors:
        fields = {str(field.get("Field")): field for field in one.get("FieldSelectors") or ()}
        only = fields.get("readOnly", {}).get("Equals")
        if "Management" not in (fields.get("eventCategory", {}).get("Equals") or ()):
            kinds = fields.get("resources.type", {}).get("Equals") or ()
            objects = objects or (_OBJECTS in kinds and (only is None or "false" in only))
            continue
        reads = reads or only is None or "true" in only
        writes = writes or only is None or "false" in only
        excluded |= {str(source) for source in fields.get("eventSource", {}).get("NotEquals") or ()}
        if fields.get("eventSource", {}).get("Equals") or fields.get("eventName"):
            # Some services or operations alone: the others are what is left out.
            excluded.add("*")
    return _Selected(reads, writes, tuple(sorted(excluded)), objects)
