"""``cloud_logs`` over CloudTrail: LookupEvents for the last 90 days, and a trail's files in S3 for the rest.

Sources (docs.aws.amazon.com/awscloudtrail/latest):
    /APIReference/API_LookupEvents.html                                         one attribute at a time, two calls a second per region
    /userguide/cloudtrail-log-file-examples.html                                …/AWSLogs/<account>/CloudTrail/<region>/<yyyy>/<mm>/<dd>/*.json.gz
    /userguide/cloudtrail-event-reference-record-contents.html                  what stands in a record

Files come as gzip of one JSON object; each is read whole (CloudTrail keeps them to some MB) and no two at a time.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from integrations.aws.caller import Caller, answered
from integrations.aws.everywhere import Regions, each_region
from integrations.aws.rows import plain
from integrations.aws.s3 import AwsStorage
from tenantry.capabilities.cloud_logs import CloudEvent, Trail
from tenantry.errors import OutOfScope, Rejected, TargetNotFound, VendorFault

__all__ = ["AwsLogs"]

_LARGEST: Final = 256 * 1024 * 1024
"""Bytes that one file may unpack to; CloudTrail's stay far below, and a bomb must not."""


class AwsLogs:
    """Implements :class:`tenantry.capabilities.CloudLogs`."""

    def __init__(self, caller: Caller, account: str, regions: Regions | None = None) -> None:
        self._caller = caller
        self._account = account
        self._files = AwsStorage(caller, account)
        self._regions = regions or Regions(caller)

    async def events(
        self,
        since: datetime,
        until: datetime,
        *,
        access_key: str = "",
        principal_name: str = "",
        operation: str = "",
    ) -> AsyncIterator[CloudEvent]:
        """LookupEvents, in every region that the account has enabled: an attacker works where nobody looks. (IAM's own events are kept in
        us-east-1.) A region that may not be read is said when the others were."""
        narrowed = [
            {"AttributeKey": key, "AttributeValue": value}
            for key, value in (("AccessKeyId", access_key), ("Username", principal_name), ("EventName", operation))
            if value
        ]
        if len(narrowed) > 1:
            raise Rejected("CloudTrail narrows a search by one attribute, not by two")
        params: dict[str, Any] = {"StartTime": since, "EndTime": until}
        if narrowed:
            params["LookupAttributes"] = narrowed

        async def of(region: str) -> AsyncIterator[CloudEvent]:
            async for page in self._caller.pages("cloudtrail", "lookup_events", "Events", region, **params):
                for row in page["Events"]:
                    yield event(_record(row))

        async for found in each_region(await self._regions.enabled(), of):
            yield found

    async def trails(self) -> tuple[Trail, ...]:
        """Those that record this account in its regions, each once, asked in its own region whether it records."""
        found: dict[str, Trail] = {}
        for region in self._caller.regions:
            answer = await self._caller.read("cloudtrail", "describe_trails", region, includeShadowTrails=True)
            for row in answered(answer, "trailList", "cloudtrail.DescribeTrails"):
                arn = str(row["TrailARN"])
                if arn not in found:
                    found[arn] = _trail(row, recording=await self._recording(arn, str(row.get("HomeRegion") or region)))
        return tuple(found.values())

    async def _recording(self, arn: str, region: str) -> bool:
        status = await self._caller.read("cloudtrail", "get_trail_status", region, Name=arn)
        return bool(answered(status, "IsLogging", "cloudtrail.GetTrailStatus"))

    async def set_recording(self, trail: str, recording: bool) -> None:
        """In the trail's home region."""
        found = await self._find(trail)
        operation = "start_logging" if recording else "stop_logging"
        await self._caller.write("cloudtrail", operation, found.region, Name=found.id)

    async def _find(self, trail: str) -> Trail:
        if trail.startswith("arn:") and f":{self._account}:" not in trail:
            raise OutOfScope(f"{trail} is a trail of another account", vendor="aws")
        for found in await self.trails():
            if trail in (found.id, found.name):
                return found
        raise TargetNotFound(f"there is no trail {trail}")

    async def archived(self, trail: str, since: datetime, until: datetime) -> AsyncIterator[CloudEvent]:
        """Day by day. A file may hold events of the hours around its own time."""
        found = await self._find(trail)
        if found.raw.get("IsOrganizationTrail"):
            raise Rejected(
                f"{found.name} is the organization's trail: its files lie under the organization's id, in the bucket of another account",
                remedy="Have them read where they lie, with `tenantry sweep logs`.",
            )
        base = f"{found.prefix.strip('/')}/" if found.prefix else ""
        regions = self._caller.regions if found.every_region else (found.region,)
        day = (since.astimezone(UTC) - timedelta(hours=1)).date()
        while day <= (until.astimezone(UTC) + timedelta(hours=1)).date():
            for region in regions:
                prefix = f"{base}AWSLogs/{self._account}/CloudTrail/{region}/{day:%Y/%m/%d}/"
                async for file in self._files.objects(found.bucket, prefix):
                    for record in await self._file(found.bucket, file.key):
                        made = event(record)
                        if since <= made.at <= until:
                            yield made
            day += timedelta(days=1)

    async def _file(self, bucket: str, key: str) -> list[Mapping[str, Any]]:
        packed = bytearray()
        async for piece in self._files.read(bucket, key):
            packed += piece
        try:
            records = json.loads(_unpacked(bytes(packed), key))["Records"]
        except (zlib.error, ValueError, KeyError, TypeError) as broken:
            raise VendorFault(f"the log file {key} cannot be read", vendor="aws", kind=type(broken).__name__) from None
        if not isinstance(records, list):
            raise VendorFault(f"the log file {key} holds no records", vendor="aws")
        return records


def _unpacked(packed: bytes, key: str) -> bytes:
    """All members of a gzip file (RFC 1952 section 2.2): what stands behind the first one would else be missed."""
    data = bytearray()
    while True:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        data += unpacker.decompress(packed, _LARGEST + 1 - len(data))
        if not unpacker.eof or len(data) > _LARGEST:
            raise VendorFault(f"the log file {key} is cut off or unpacks to more than it may", vendor="aws")
        packed = unpacker.unused_data
        if not packed:
            return bytes(data)


def _record(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """LookupEvents puts the record itself, as text, beside a few of its fields."""
    try:
        found = json.loads(row["CloudTrailEvent"])
    except (KeyError, ValueError) as broken:
        raise VendorFault("cloudtrail.LookupEvents gave an event without its record", vendor="aws") from broken
    if not isinstance(found, dict):
        raise VendorFault("cloudtrail.LookupEvents gave an event without its record", vendor="aws")
    return found


def event(record: Mapping[str, Any]) -> CloudEvent:
    """One record of CloudTrail's, from either source.

    Raises:
        VendorFault: it has no id or time.
    """
    who = record.get("userIdentity") or {}
    issuer = ((who.get("sessionContext") or {}).get("sessionIssuer")) or {}
    try:
        at = datetime.fromisoformat(str(record["eventTime"]))
        id = str(record["eventID"])
    except (KeyError, ValueError) as broken:
        raise VendorFault("a record of CloudTrail's has no id or no time", vendor="aws") from broken
    read_only = record.get("readOnly")
    name = str(record.get("eventName", ""))
    return CloudEvent.model_construct(
        id=id,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        region=str(record.get("awsRegion", "")),
        service=str(record.get("eventSource", "")).removesuffix(".amazonaws.com"),
        operation=name,
        actor=str(who.get("arn") or who.get("invokedBy") or ""),
        access_key=str(who.get("accessKeyId") or ""),
        issuer=str(issuer.get("arn") or ""),
        ip=str(record.get("sourceIPAddress") or ""),
        user_agent=str(record.get("userAgent") or ""),
        # Older records do not say: then by the name, on the safe side.
        read_only=read_only in (True, "true")
        if read_only is not None
        else name.startswith(("Get", "List", "Describe")),
        error=str(record.get("errorCode") or ""),
        request=dict(record.get("requestParameters") or {}),
        response=dict(record.get("responseElements") or {}),
        raw=plain(record),
    )


def _trail(row: Mapping[str, Any], *, recording: bool) -> Trail:
    return Trail(
        id=str(row["TrailARN"]),
        name=str(row.get("Name", "")),
        region=str(row.get("HomeRegion", "")),
        recording=recording,
        every_region=bool(row.get("IsMultiRegionTrail")),
        bucket=str(row.get("S3BucketName", "")),
        prefix=str(row.get("S3KeyPrefix") or ""),
        validated=bool(row.get("LogFileValidationEnabled")),
        raw=plain(row),
    )
