"""``cloud``: instances, isolation and snapshots over EC2. `guards.py` has the rest of the capability.

Sources (docs.aws.amazon.com/AWSEC2/latest):
    /APIReference/API_<Operation>.html                               each operation named in ``actions.py``
    /UserGuide/security-group-connection-tracking.html               what survives a swap of security groups
    /UserGuide/default-custom-security-groups.html                   a new group allows all outgoing traffic
    ebs /userguide/ebs-snapshot-lock.html                            compliance mode: nobody can unlock it
    ebs /userguide/ebs-modifying-snapshot-permissions.html           whom a snapshot is shared with

What is named by an id alone is looked for in every configured region; where it was found is remembered, since ids never move.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from integrations.aws.caller import Caller, answered
from integrations.aws.guards import Guards
from integrations.aws.rows import plain, tags_of
from tenantry.capabilities.cloud import Instance, NetworkInterface, SecurityGroup, Snapshot
from tenantry.errors import Rejected, TargetNotFound, VendorFault

__all__ = ["ISOLATION_NAME", "AwsCloud"]

ISOLATION_NAME: Final = "tenantry-isolation"
"""Of the security group; one in each VPC that ever needed it."""
_TOKEN_TAG: Final = "tenantry:token"  # noqa: S105  # the name of a tag
_PURPOSE_TAG: Final = "tenantry:purpose"
_PAGE: Final = 1000
_NOT_HERE: Final = frozenset({"InvalidID", "InvalidInstanceID.Malformed", "InvalidSnapshotID.Malformed"})


class AwsCloud(Guards):
    """Implements :class:`tenantry.capabilities.Cloud`."""

    def __init__(self, caller: Caller, account: str) -> None:
        super().__init__(caller, account)
        self._caller = caller
        self._account = account
        self._places: dict[str, str] = {}

    # --- machines -----------------------------------------------------------------------------------------------------

    async def instances(self) -> AsyncIterator[Instance]:
        """Region by region."""
        for region in self._caller.regions:
            async for page in self._caller.pages("ec2", "describe_instances", "Reservations", region, MaxResults=_PAGE):
                for row in _instances(page):
                    self._places[row["InstanceId"]] = region
                    yield _instance(row, region)

    async def instance(self, instance: str) -> Instance:
        """By id."""
        for region in self._where(instance):
            page = await self._one(region, "describe_instances", InstanceIds=[instance])
            for row in _instances(page or {}):
                self._places[instance] = region
                return _instance(row, region)
        raise TargetNotFound(f"there is no instance {instance} in {', '.join(self._caller.regions)}")

    async def set_groups(self, interface: str, groups: Sequence[str]) -> None:
        """ModifyNetworkInterfaceAttribute: also for interfaces beside the first."""
        await self._caller.write(
            "ec2",
            "modify_network_interface_attribute",
            await self._region_of_interface(interface),
            NetworkInterfaceId=interface,
            Groups=sorted(groups),
        )

    async def tracked(self, instance: str) -> bool:
        """By the rules of its groups."""
        found = await self.instance(instance)
        groups = sorted({group for interface in found.interfaces for group in interface.groups})
        rows = [await self._group_row(group) for group in groups]
        into = any(_everywhere(rule) for row, _ in rows for rule in row.get("IpPermissions") or ())
        out = any(_everywhere(rule) for row, _ in rows for rule in row.get("IpPermissionsEgress") or ())
        return not (into and out)

    async def _region_of_interface(self, interface: str) -> str:
        for region in self._where(interface):
            page = await self._one(region, "describe_network_interfaces", NetworkInterfaceIds=[interface])
            if page and page.get("NetworkInterfaces"):
                self._places[interface] = region
                return region
        raise TargetNotFound(f"there is no network interface {interface}")

    # --- isolation ----------------------------------------------------------------------------------------------------

    async def security_group(self, group: str) -> SecurityGroup:
        """By id."""
        row, region = await self._group_row(group)
        return _group(row, region)

    async def isolation_group(self, region: str, network: str) -> SecurityGroup | None:
        """By name: a name is unique in its network."""
        self._known(region)
        filters = [{"Name": "group-name", "Values": [ISOLATION_NAME]}, {"Name": "vpc-id", "Values": [network]}]
        async for page in self._caller.pages(
            "ec2", "describe_security_groups", "SecurityGroups", region, Filters=filters
        ):
            for row in page["SecurityGroups"]:
                self._places[row["GroupId"]] = region
                return _group(row, region)
        return None

    async def create_isolation_group(self, region: str, network: str) -> SecurityGroup:
        """Create, revoke what it allows, read it back."""
        if await self.isolation_group(region, network) is None:
            await self._caller.write(
                "ec2",
                "create_security_group",
                region,
                GroupName=ISOLATION_NAME,
                Description="Isolation during an incident: nothing in, nothing out",
                VpcId=network,
                TagSpecifications=[_tagged("security-group", {_PURPOSE_TAG: "isolation"})],
            )
        found = await self._must(region, network)
        if not found.closed:
            await self._close(found)
            found = await self._must(region, network)
        if not found.closed:
            raise VendorFault(
                f"the group {found.id} still lets traffic through after its rules were revoked", vendor="aws"
            )
        return found

    async def _must(self, region: str, network: str) -> SecurityGroup:
        found = await self.isolation_group(region, network)
        if found is None:
            raise VendorFault("the isolation group was made and is not visible yet", vendor="aws")
        return found

    async def _close(self, group: SecurityGroup) -> None:
        for operation, key in (
            ("revoke_security_group_egress", "IpPermissionsEgress"),
            ("revoke_security_group_ingress", "IpPermissions"),
        ):
            row, _ = await self._group_row(group.id)
            if row.get(key):
                await self._caller.write("ec2", operation, group.region, GroupId=group.id, IpPermissions=row[key])

    async def _group_row(self, group: str) -> tuple[Mapping[str, Any], str]:
        for region in self._where(group):
            page = await self._one(region, "describe_security_groups", GroupIds=[group])
            for row in (page or {}).get("SecurityGroups") or ():
                self._places[group] = region
                return row, region
        raise TargetNotFound(f"there is no security group {group}")

    # --- disks --------------------------------------------------------------------------------------------------------

    async def snapshots(self, volume: str | None = None) -> AsyncIterator[Snapshot]:
        """Our own account's alone."""
        filters = [{"Name": "volume-id", "Values": [volume]}] if volume else []
        for region in self._caller.regions:
            async for page in self._caller.pages(
                "ec2", "describe_snapshots", "Snapshots", region, OwnerIds=["self"], Filters=filters, MaxResults=_PAGE
            ):
                locks = await self._locks(region, [row["SnapshotId"] for row in page["Snapshots"]])
                for row in page["Snapshots"]:
                    self._places[row["SnapshotId"]] = region
                    yield _snapshot(row, region, locks)

    async def snapshot(self, snapshot: str) -> Snapshot:
        """By id."""
        for region in self._where(snapshot):
            page = await self._one(region, "describe_snapshots", SnapshotIds=[snapshot])
            for row in (page or {}).get("Snapshots") or ():
                self._places[snapshot] = region
                return _snapshot(row, region, await self._locks(region, [snapshot]))
        raise TargetNotFound(f"there is no snapshot {snapshot}")

    async def snapshot_of(self, volume: str, token: str) -> Snapshot | None:
        """By its tag."""
        filters = [{"Name": "volume-id", "Values": [volume]}, {"Name": f"tag:{_TOKEN_TAG}", "Values": [token]}]
        for region in self._where(volume):
            async for page in self._caller.pages(
                "ec2", "describe_snapshots", "Snapshots", region, OwnerIds=["self"], Filters=filters
            ):
                for row in page["Snapshots"]:
                    return _snapshot(row, region, await self._locks(region, [row["SnapshotId"]]))
        return None

    async def create_snapshot(self, volume: str, *, token: str, description: str) -> Snapshot:
        """Tagged as it is made, so there is no moment at which it exists and cannot be found."""
        found = await self.snapshot_of(volume, token)
        if found is not None:
            return found
        region = await self._region_of_volume(volume)
        row = await self._caller.write(
            "ec2",
            "create_snapshot",
            region,
            VolumeId=volume,
            Description=description[:255],
            TagSpecifications=[_tagged("snapshot", {_TOKEN_TAG: token, _PURPOSE_TAG: "evidence"})],
        )
        self._places[str(answered(row, "SnapshotId", "ec2.CreateSnapshot", write=True))] = region
        return _snapshot(row, region, {}, token=token)

    async def delete_snapshot(self, snapshot: str) -> None:
        """Absent counts."""
        try:
            found = await self.snapshot(snapshot)
            await self._caller.write("ec2", "delete_snapshot", found.region, SnapshotId=snapshot)
        except TargetNotFound:
            return

    async def lock_snapshot(self, snapshot: str, until: datetime) -> None:
        """Compliance mode, no cooling-off period: from the answer on nobody can delete it before that moment."""
        found = await self.snapshot(snapshot)
        if found.locked_until is not None and found.locked_until >= until:
            return
        await self._caller.write(
            "ec2",
            "lock_snapshot",
            found.region,
            SnapshotId=snapshot,
            LockMode="compliance",
            ExpirationDate=until,
        )

    async def snapshot_shares(self, snapshot: str) -> tuple[str, ...]:
        """The attribute createVolumePermission."""
        region = (await self.snapshot(snapshot)).region
        answer = await self._caller.read(
            "ec2", "describe_snapshot_attribute", region, SnapshotId=snapshot, Attribute="createVolumePermission"
        )
        rows = answered(answer, "CreateVolumePermissions", "ec2.DescribeSnapshotAttribute")
        return tuple(sorted(str(row.get("UserId") or row.get("Group") or "") for row in rows))

    async def set_snapshot_share(self, snapshot: str, account: str, shared: bool) -> None:
        """One account at a time, so that the others' are not touched."""
        region = (await self.snapshot(snapshot)).region
        whom = {"GroupNames": ["all"]} if account == "all" else {"UserIds": [account]}
        await self._caller.write(
            "ec2",
            "modify_snapshot_attribute",
            region,
            SnapshotId=snapshot,
            Attribute="createVolumePermission",
            OperationType="add" if shared else "remove",
            **whom,
        )

    async def _locks(self, region: str, snapshots: Sequence[str]) -> dict[str, datetime]:
        if not snapshots:
            return {}
        locks: dict[str, datetime] = {}
        async for page in self._caller.pages(
            "ec2", "describe_locked_snapshots", "Snapshots", region, SnapshotIds=list(snapshots)
        ):
            for row in page["Snapshots"]:
                if str(row.get("LockState", "")).startswith("compliance") and row.get("LockExpiresOn"):
                    locks[str(row["SnapshotId"])] = row["LockExpiresOn"]
        return locks

    async def _region_of_volume(self, volume: str) -> str:
        for region in self._where(volume):
            page = await self._one(region, "describe_volumes", VolumeIds=[volume])
            if page and page.get("Volumes"):
                self._places[volume] = region
                return region
        raise TargetNotFound(f"there is no volume {volume}")

    # --- where --------------------------------------------------------------------------------------------------------

    def _where(self, id: str) -> Sequence[str]:
        place = self._places.get(id)
        return self._caller.regions if place is None else (place,)

    def _known(self, region: str) -> None:
        if region not in self._caller.regions:
            raise Rejected(f"{region} is not among the regions in the tenant's file")

    async def _one(self, region: str, operation: str, **params: Any) -> dict[str, Any] | None:
        """What one region knows of an id; None: nothing."""
        try:
            return await self._caller.read("ec2", operation, region, **params)
        except TargetNotFound:
            return None
        except Rejected as refusal:
            if refusal.detail.get("vendor_code") in _NOT_HERE or "Malformed" in str(refusal.detail.get("vendor_code")):
                return None  # no id of this kind: as absent as any other
            raise


def _tagged(kind: str, tags: Mapping[str, str]) -> dict[str, Any]:
    return {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _instances(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for reservation in page.get("Reservations") or () for row in reservation.get("Instances") or ()]


def _instance(row: Mapping[str, Any], region: str) -> Instance:
    tags = tags_of(row.get("Tags"))
    return Instance.model_construct(
        id=str(row["InstanceId"]),
        region=region,
        name=tags.get("Name", ""),
        state=row["State"]["Name"],
        kind=str(row.get("InstanceType", "")),
        image=str(row.get("ImageId", "")),
        launched_at=row["LaunchTime"],
        role=str((row.get("IamInstanceProfile") or {}).get("Arn", "")),
        interfaces=tuple(_interface(inner) for inner in row.get("NetworkInterfaces") or ()),
        volumes=tuple(
            str(device["Ebs"]["VolumeId"])
            for device in row.get("BlockDeviceMappings") or ()
            if (device.get("Ebs") or {}).get("VolumeId")
        ),
        tags=tags,
        raw=plain(row),
    )


def _interface(row: Mapping[str, Any]) -> NetworkInterface:
    return NetworkInterface.model_construct(
        id=str(row.get("NetworkInterfaceId", "")),
        network=str(row.get("VpcId", "")),
        groups=tuple(sorted(str(group["GroupId"]) for group in row.get("Groups") or ())),
        private_ip=str(row.get("PrivateIpAddress", "")),
        public_ip=str((row.get("Association") or {}).get("PublicIp", "")),
    )


def _group(row: Mapping[str, Any], region: str) -> SecurityGroup:
    return SecurityGroup(
        id=str(row["GroupId"]),
        region=region,
        network=str(row.get("VpcId", "")),
        name=str(row.get("GroupName", "")),
        ingress=len(row.get("IpPermissions") or ()),
        egress=len(row.get("IpPermissionsEgress") or ()),
        raw=plain(row),
    )


def _everywhere(rule: Mapping[str, Any]) -> bool:
    """All protocols and ports, to and from every address."""
    wide = any(str(each.get("CidrIp")) == "0.0.0.0/0" for each in rule.get("IpRanges") or ())  # a rule's text
    return str(rule.get("IpProtocol")) == "-1" and wide


def _snapshot(
    row: Mapping[str, Any], region: str, locks: Mapping[str, datetime], *, token: str | None = None
) -> Snapshot:
    state = str(row.get("State", "pending"))
    return Snapshot(
        id=str(row["SnapshotId"]),
        region=region,
        volume=str(row.get("VolumeId", "")),
        state="completed" if state == "completed" else "error" if state == "error" else "pending",
        started_at=row["StartTime"],
        token=tags_of(row.get("Tags")).get(_TOKEN_TAG, "") if token is None else token,
        locked_until=locks.get(str(row["SnapshotId"])),
        raw=plain(row),
    )
