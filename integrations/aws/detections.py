"""``findings`` over GuardDuty and Security Hub.

Sources (docs.aws.amazon.com): /guardduty/latest/APIReference/API_ListFindings.html and API_GetFindings.html (50 at a time, severity as a
number: /guardduty/latest/ug/guardduty_findings-severity.html), /securityhub/1.0/APIReference/API_GetFindings.html and
API_BatchUpdateFindings.html.

A finding's id is ``guardduty:<region>:<detector>:<id>`` or ``securityhub:<region>:<product ARN>|<id>``: the vendor's own need the rest to be found again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from integrations.aws.caller import Caller, answered
from integrations.aws.rows import plain
from tenantry.capabilities.findings import DetectorState, Severity, VendorFinding
from tenantry.errors import OutOfScope, PermissionMissing, Rejected, TargetNotFound

__all__ = ["AwsFindings"]

_ORDER: Final[tuple[Severity, ...]] = ("informational", "low", "medium", "high", "critical")
_GUARDDUTY_FROM: Final[Mapping[Severity, int]] = {"informational": 0, "low": 1, "medium": 4, "high": 7, "critical": 9}
_CLOSED: Final = frozenset({"RESOLVED", "SUPPRESSED"})
_BATCH: Final = 50


class AwsFindings:
    """Implements :class:`tenantry.capabilities.Findings`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def detectors(self) -> tuple[DetectorState, ...]:
        """GuardDuty has a detector with a status, Security Hub is described or not."""
        found = []
        for region in self._caller.regions:
            statuses = [await self._status(region, detector) for detector in await self._guardduty(region)]
            on, hub = "ENABLED" in statuses, await self._hub(region)
            found.append(DetectorState(service="guardduty", region=region, enabled=on, present=bool(statuses)))
            found.append(DetectorState(service="securityhub", region=region, enabled=hub, present=hub))
        return tuple(found)

    async def _guardduty(self, region: str) -> list[str]:
        return [
            str(detector)
            async for page in self._caller.pages("guardduty", "list_detectors", "DetectorIds", region)
            for detector in page["DetectorIds"]
        ]

    async def _status(self, region: str, detector: str) -> str:
        answer = await self._caller.read("guardduty", "get_detector", region, DetectorId=detector)
        return str(answered(answer, "Status", "guardduty.GetDetector"))

    async def _hub(self, region: str) -> bool:
        try:
            answered(
                await self._caller.read("securityhub", "describe_hub", region), "HubArn", "securityhub.DescribeHub"
            )
        except (TargetNotFound, PermissionMissing) as refusal:
            # Not subscribed comes as InvalidAccessException; a permission that is missing must not look like it.
            if isinstance(refusal, PermissionMissing) and refusal.detail.get("vendor_code") != "InvalidAccessException":
                raise
            return False
        return True

    async def findings(
        self, since: datetime, *, least: Severity = "low", closed: bool = False
    ) -> AsyncIterator[VendorFinding]:
        """GuardDuty's of a region, then Security Hub's."""
        for region in self._caller.regions:
            for detector in await self._guardduty(region):
                async for found in self._of_detector(region, detector, since, least, closed=closed):
                    yield found
            if await self._hub(region):
                async for found in self._of_hub(region, since, least, closed=closed):
                    yield found

    async def _of_detector(
        self, region: str, detector: str, since: datetime, least: Severity, *, closed: bool
    ) -> AsyncIterator[VendorFinding]:
        wanted: dict[str, Any] = {
            "updatedAt": {"GreaterThanOrEqual": int(since.timestamp() * 1000)},
            "severity": {"GreaterThanOrEqual": _GUARDDUTY_FROM[least]},
        }
        if not closed:
            wanted["service.archived"] = {"Equals": ["false"]}
        async for page in self._caller.pages(
            "guardduty",
            "list_findings",
            "FindingIds",
            region,
            DetectorId=detector,
            FindingCriteria={"Criterion": wanted},
            MaxResults=_BATCH,
        ):
            if page["FindingIds"]:
                for row in await self._read(region, detector, list(page["FindingIds"])):
                    yield _guardduty(row, region, detector)

    async def _read(self, region: str, detector: str, ids: list[str]) -> list[Any]:
        answer = await self._caller.read("guardduty", "get_findings", region, DetectorId=detector, FindingIds=ids)
        return list(answered(answer, "Findings", "guardduty.GetFindings"))

    async def _of_hub(
        self, region: str, since: datetime, least: Severity, *, closed: bool
    ) -> AsyncIterator[VendorFinding]:
        labels = [label.upper() for label in _ORDER[_ORDER.index(least) :]]
        wanted: dict[str, Any] = {
            "UpdatedAt": [{"Start": _iso(since), "End": _iso(datetime.now(UTC))}],
            "SeverityLabel": [{"Value": label, "Comparison": "EQUALS"} for label in labels],
        }
        if not closed:
            wanted["RecordState"] = [{"Value": "ACTIVE", "Comparison": "EQUALS"}]
        async for page in self._caller.pages(
            "securityhub", "get_findings", "Findings", region, Filters=wanted, MaxResults=100
        ):
            for row in page["Findings"]:
                found = _asff(row, region)
                if closed or found.open:
                    yield found

    async def finding(self, finding: str) -> VendorFinding:
        """By our composed id."""
        service, region, rest = self._parts(finding)
        if service == "guardduty":
            detector, _, id = rest.partition(":")
            for row in await self._read(region, detector, [id]):
                return _guardduty(row, region, detector)
        else:
            product, _, id = rest.partition("|")
            wanted = {
                "Id": [{"Value": id, "Comparison": "EQUALS"}],
                "ProductArn": [{"Value": product, "Comparison": "EQUALS"}],
            }
            answer = await self._caller.read("securityhub", "get_findings", region, Filters=wanted)
            for row in answered(answer, "Findings", "securityhub.GetFindings"):
                return _asff(row, region)
        raise TargetNotFound(f"there is no finding {finding}")

    async def set_open(self, finding: str, open: bool) -> None:
        """Archived (GuardDuty), or workflow RESOLVED (Security Hub)."""
        service, region, rest = self._parts(finding)
        if service == "guardduty":
            detector, _, id = rest.partition(":")
            operation = "unarchive_findings" if open else "archive_findings"
            await self._caller.write("guardduty", operation, region, DetectorId=detector, FindingIds=[id])
            return
        product, _, id = rest.partition("|")
        answer = await self._caller.write(
            "securityhub",
            "batch_update_findings",
            region,
            FindingIdentifiers=[{"Id": id, "ProductArn": product}],
            Workflow={"Status": "NEW" if open else "RESOLVED"},
        )
        if answer.get("UnprocessedFindings"):
            raise Rejected(f"Security Hub did not take the new state of {finding}", vendor="aws")

    def _parts(self, finding: str) -> tuple[str, str, str]:
        """Service, region and the vendor's own id, in a region of the tenant's file."""
        service, _, rest = finding.partition(":")
        region, _, rest = rest.partition(":")
        if service not in ("guardduty", "securityhub") or not region or not rest:
            raise TargetNotFound(f"{finding!r} names no finding")
        if region not in self._caller.regions:
            raise OutOfScope(f"{region} is not among the regions in the tenant's file", vendor="aws")
        return service, region, rest


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _at(text: Any) -> datetime:
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _guardduty(row: Mapping[str, Any], region: str, detector: str) -> VendorFinding:
    number = float(row.get("Severity") or 0)
    severity = max((name for name, least in _GUARDDUTY_FROM.items() if number >= least), key=_ORDER.index)
    about = row.get("Resource") or {}
    key, machine = about.get("AccessKeyDetails") or {}, about.get("InstanceDetails") or {}
    resources = [key.get("AccessKeyId"), key.get("UserName"), machine.get("InstanceId")]
    resources += [bucket.get("Name") for bucket in about.get("S3BucketDetails") or ()]
    service = row.get("Service") or {}
    return VendorFinding(
        id=f"guardduty:{region}:{detector}:{row['Id']}",
        service="guardduty",
        region=region,
        type=str(row.get("Type", "")),
        title=str(row.get("Title", "")),
        severity=severity,
        first_seen=_at(service.get("EventFirstSeen") or row["CreatedAt"]),
        updated_at=_at(row["UpdatedAt"]),
        resources=tuple(str(resource) for resource in resources if resource),
        open=not service.get("Archived"),
        raw=plain(row),
    )


def _asff(row: Mapping[str, Any], region: str) -> VendorFinding:
    label = str((row.get("Severity") or {}).get("Label", "INFORMATIONAL")).lower()
    return VendorFinding(
        id=f"securityhub:{region}:{row['ProductArn']}|{row['Id']}",
        service="securityhub",
        region=region,
        type=str((row.get("Types") or [row.get("GeneratorId", "")])[0]),
        title=str(row.get("Title", "")),
        severity=next((known for known in _ORDER if known == label), "informational"),
        first_seen=_at(row.get("FirstObservedAt") or row["CreatedAt"]),
        updated_at=_at(row["UpdatedAt"]),
        resources=tuple(str(resource["Id"]) for resource in row.get("Resources") or () if resource.get("Id")),
        open=row.get("RecordState") != "ARCHIVED" and (row.get("Workflow") or {}).get("Status") not in _CLOSED,
        raw=plain(row),
    )
