"""``cloud_exposure`` over EC2: ports, machines, disks. `exposed_data.py` has the rest of the capability.

Sources (docs.aws.amazon.com):
    /AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html         one instance's user data a request: there is no other way
    /AWSEC2/latest/APIReference/API_DescribeSnapshotAttribute.html, API_DescribeImageAttribute.html     likewise one a request
    /AWSEC2/latest/APIReference/API_GetSerialConsoleAccessStatus.html
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from integrations.aws.caller import Caller, answered
from integrations.aws.everywhere import Regions, each_region
from integrations.aws.exposed_data import ExposedData
from integrations.aws.organization import Organization
from integrations.aws.rows import tags_of
from tenantry.abreast import abreast
from tenantry.capabilities.cloud_exposure import Firewall, Machine, Opening, SharedDisk
from tenantry.errors import PermissionMissing, TargetNotFound

__all__ = ["AwsExposure"]

_WORLD: Final = frozenset({"0.0.0.0/0", "::/0"})
_PROTOCOLS: Final = {"-1": "all", "6": "tcp", "17": "udp", "1": "icmp"}
_SCRIPT: Final = 1024 * 1024
"""Bytes that a packed start script may unpack to: EC2 takes 16 KiB."""
_GONE: Final = ("terminated", "shutting-down")
_PAGE: Final = 1000


class AwsExposure(ExposedData):
    """Implements :class:`tenantry.capabilities.CloudExposure`."""

    def __init__(self, caller: Caller, account: str, organization: Organization, regions: Regions) -> None:
        super().__init__(caller, account, organization)
        self._caller = caller
        self._account = account
        self._regions = regions
        self._vendor_keys: dict[str, str] = {}

    async def firewalls(self) -> AsyncIterator[Firewall]:
        """By the rules of each group."""

        async def of(region: str) -> AsyncIterator[Firewall]:
            async for page in self._caller.pages(
                "ec2", "describe_security_groups", "SecurityGroups", region, MaxResults=_PAGE
            ):
                for row in page["SecurityGroups"]:
                    openings = tuple(_openings(row))
                    if openings:
                        yield Firewall(
                            id=str(row["GroupId"]),
                            region=region,
                            network=str(row.get("VpcId", "")),
                            name=str(row.get("GroupName", "")),
                            openings=openings,
                        )

        async for found in each_region(await self._regions.enabled(), of):
            yield found

    # --- machines -----------------------------------------------------------------------------------------------------

    async def machines(self) -> AsyncIterator[Machine]:
        """Each with its user data."""

        async def of(region: str) -> AsyncIterator[Machine]:
            async def ask(row: Mapping[str, Any]) -> Machine:
                return self._machine(row, region, await self._script(row, region))

            async for found in abreast(self._instances(region), ask):
                yield found

        async for found in each_region(await self._regions.enabled(), of):
            yield found

    async def _instances(self, region: str) -> AsyncIterator[Mapping[str, Any]]:
        async for page in self._caller.pages("ec2", "describe_instances", "Reservations", region, MaxResults=_PAGE):
            for reservation in page["Reservations"]:
                for row in reservation.get("Instances") or ():
                    yield row

    async def _script(self, row: Mapping[str, Any], region: str) -> str:
        if row["State"]["Name"] in _GONE:
            return ""
        try:
            answer = await self._caller.read(
                "ec2", "describe_instance_attribute", region, InstanceId=row["InstanceId"], Attribute="userData"
            )
        except TargetNotFound:  # gone meanwhile
            return ""
        return _text(str((answered(answer, "UserData", "ec2.DescribeInstanceAttribute") or {}).get("Value") or ""))

    def _machine(self, row: Mapping[str, Any], region: str, script: str) -> Machine:
        return Machine(
            id=str(row["InstanceId"]),
            region=region,
            usual_region=region in self._caller.regions,
            name=tags_of(row.get("Tags")).get("Name", ""),
            kind=str(row.get("InstanceType", "")),
            state=str(row["State"]["Name"]),
            launched_at=row["LaunchTime"],
            role=str((row.get("IamInstanceProfile") or {}).get("Arn", "")),
            public_ip=str(row.get("PublicIpAddress") or ""),
            groups=tuple(sorted(str(group["GroupId"]) for group in row.get("SecurityGroups") or ())),
            script=SecretStr(script),
            metadata_guarded=_guarded(row.get("MetadataOptions")),
        )

    # --- disks --------------------------------------------------------------------------------------------------------

    async def disks(self) -> AsyncIterator[SharedDisk]:
        """Snapshots and images everywhere, then those of databases."""
        async for found in each_region(await self._regions.enabled(), self._snapshots):
            yield found
        async for found in each_region(await self._regions.enabled(), self._images):
            yield found
        async for found in each_region(self._caller.regions, self._databases):
            yield found

    async def _snapshots(self, region: str) -> AsyncIterator[SharedDisk]:
        async def rows() -> AsyncIterator[Mapping[str, Any]]:
            async for page in self._caller.pages(
                "ec2", "describe_snapshots", "Snapshots", region, OwnerIds=["self"], MaxResults=_PAGE
            ):
                for row in page["Snapshots"]:
                    if not await self._private(row, region):
                        yield row

        async def ask(row: Mapping[str, Any]) -> SharedDisk | None:
            id = str(row["SnapshotId"])
            try:
                answer = await self._caller.read(
                    "ec2", "describe_snapshot_attribute", region, SnapshotId=id, Attribute="createVolumePermission"
                )
            except TargetNotFound:  # deleted meanwhile
                return None
            shared = answered(answer, "CreateVolumePermissions", "ec2.DescribeSnapshotAttribute")
            return self._disk(id, "snapshot", region, str(row.get("Description") or ""), row.get("StartTime"), shared)

        async for found in abreast(rows(), ask):
            if found is not None:
                yield found

    async def _private(self, row: Mapping[str, Any], region: str) -> bool:
        """Encrypted under the vendor's own key, with which a snapshot cannot be shared
        (/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html): it need not be asked about."""
        if not row.get("Encrypted"):
            return False
        if region not in self._vendor_keys:
            try:
                answer = await self._caller.read("kms", "describe_key", region, KeyId="alias/aws/ebs")
                self._vendor_keys[region] = str(answered(answer, "KeyMetadata", "kms.DescribeKey").get("Arn", ""))
            except (TargetNotFound, PermissionMissing):  # never used here, or not known: then all are asked about
                self._vendor_keys[region] = ""
        return bool(self._vendor_keys[region]) and row.get("KmsKeyId") == self._vendor_keys[region]

    async def _images(self, region: str) -> AsyncIterator[SharedDisk]:
        async def rows() -> AsyncIterator[Mapping[str, Any]]:
            async for page in self._caller.pages(
                "ec2", "describe_images", "Images", region, Owners=["self"], MaxResults=_PAGE
            ):
                for row in page["Images"]:
                    yield row

        async def ask(row: Mapping[str, Any]) -> SharedDisk | None:
            id = str(row["ImageId"])
            try:
                answer = await self._caller.read(
                    "ec2", "describe_image_attribute", region, ImageId=id, Attribute="launchPermission"
                )
            except TargetNotFound:  # deregistered meanwhile
                return None
            shared = answered(answer, "LaunchPermissions", "ec2.DescribeImageAttribute")
            made = str(row.get("CreationDate") or "")
            return self._disk(
                id, "image", region, str(row.get("Name") or ""), datetime.fromisoformat(made) if made else None, shared
            )

        async for found in abreast(rows(), ask):
            if found is not None:
                yield found

    def _disk(self, id: str, kind: Any, region: str, name: str, created_at: datetime | None, shared: Any) -> SharedDisk:
        whom = (
            row.get("UserId") or row.get("Group") or row.get("OrganizationArn") or row.get("OrganizationalUnitArn")
            for row in shared
        )
        return SharedDisk(
            id=id,
            kind=kind,
            region=region,
            account=self._account,
            name=name,
            created_at=created_at,
            shared_with=tuple(sorted({str(one) for one in whom if one and str(one) != self._account})),
        )

    # --- consoles -----------------------------------------------------------------------------------------------------

    async def serial_consoles(self) -> tuple[str, ...]:
        """Off unless somebody switched it on."""

        async def of(region: str) -> AsyncIterator[str]:
            answer = await self._caller.read("ec2", "get_serial_console_access_status", region)
            if answered(answer, "SerialConsoleAccessEnabled", "ec2.GetSerialConsoleAccessStatus"):
                yield region

        return tuple([region async for region in each_region(await self._regions.enabled(), of)])


def _guarded(options: Mapping[str, Any] | None) -> bool | None:
    """/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsResponse.html"""
    if not options:
        return None
    return options.get("HttpTokens") == "required" or options.get("HttpEndpoint") == "disabled"


def _openings(row: Mapping[str, Any]) -> list[Opening]:
    found = []
    for rule in row.get("IpPermissions") or ():
        ranges = {str(one.get("CidrIp")) for one in rule.get("IpRanges") or ()}
        ranges |= {str(one.get("CidrIpv6")) for one in rule.get("Ipv6Ranges") or ()}
        if not ranges & _WORLD:
            continue
        name = str(rule.get("IpProtocol", "-1"))
        protocol = _PROTOCOLS.get(name, name)
        first, last = rule.get("FromPort"), rule.get("ToPort")
        whole = protocol == "all" or first in (None, -1) or last in (None, -1)
        found.append(Opening(protocol=protocol, first=0 if whole else int(first), last=65_535 if whole else int(last)))
    return found


def _text(packed: str) -> str:
    """User data comes in base64; cloud-init also takes it compressed (cloudinit.readthedocs.io, user data formats)."""
    try:
        data = base64.b64decode(packed)
    except (binascii.Error, ValueError):
        return packed
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                data = file.read(_SCRIPT)
        except (OSError, EOFError, zlib.error):  # no gzip after all: its bytes are looked at as they are
            return data.decode("utf-8", errors="replace")
    return data.decode("utf-8", errors="replace")
