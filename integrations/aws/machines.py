"""``cloud_machines`` over EC2: volumes of snapshots, instances of images.

Sources (docs.aws.amazon.com/AWSEC2/latest/APIReference): API_CreateVolume.html, API_RunInstances.html (the same ClientToken is the same volume or
instance; what was terminated is not made anew with it), API_DescribeVolumes.html, API_DescribeInstances.html (a terminated instance is shown for an hour).

What is made carries the caller's token as a tag from its first moment. Instances ask for sessions of the metadata service (IMDSv2), whatever the image says.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from integrations.aws.caller import Caller, answered
from integrations.aws.rows import plain
from tenantry.capabilities.cloud_machines import MadeAgain
from tenantry.errors import Rejected, TargetNotFound

__all__ = ["AwsMachines"]

_TOKEN_TAG: Final = "tenantry:token"  # noqa: S105  # the name of a tag
_NOT_HERE: Final = frozenset(
    {"InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidSnapshot.NotFound", "InvalidParameterValue"}
)
_State = Literal["pending", "ready", "failed"]
_STATES: Final[Mapping[str, _State]] = {
    "creating": "pending",
    "available": "ready",
    "in-use": "ready",
    "error": "failed",
    "pending": "pending",
    "running": "ready",
    "stopping": "failed",
    "stopped": "failed",
}
"""EC2's words, of volumes and instances. What is not here is gone, or on its way."""


class AwsMachines:
    """Implements :class:`tenantry.capabilities.CloudMachines`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def made(self, token: str) -> MadeAgain | None:
        """By its tag, in every configured region."""
        filters = [{"Name": f"tag:{_TOKEN_TAG}", "Values": [token]}]
        for region in self._caller.regions:
            async for page in self._caller.pages("ec2", "describe_volumes", "Volumes", region, Filters=filters):
                for row in page["Volumes"]:
                    if row.get("State") in _STATES:
                        return _volume(row, region)
            async for page in self._caller.pages("ec2", "describe_instances", "Reservations", region, Filters=filters):
                for reservation in page["Reservations"]:
                    for row in reservation.get("Instances") or ():
                        if row["State"]["Name"] in _STATES:
                            return _instance(row, region)
        return None

    async def create_volume(self, snapshot: str, zone: str, *, token: str) -> MadeAgain:
        """CreateVolume, encrypted as the snapshot or the account says."""
        found = await self.made(token)
        if found is not None:
            return found
        region = next((one for one in self._caller.regions if zone.startswith(one)), None)
        if region is None:
            raise Rejected(f"{zone} is in none of the regions in the tenant's file", vendor="aws")
        if not (await self._caller.read("ec2", "describe_snapshots", region, SnapshotIds=[snapshot])).get("Snapshots"):
            raise TargetNotFound(f"there is no snapshot {snapshot}", vendor="aws")
        row = await self._caller.write(
            "ec2",
            "create_volume",
            region,
            SnapshotId=snapshot,
            AvailabilityZone=zone,
            ClientToken=_client(token),
            TagSpecifications=[_tagged("volume", token)],
        )
        answered(row, "VolumeId", "ec2.CreateVolume", write=True)
        return _volume(row, region)

    async def create_instance(
        self, image: str, kind: str, subnet: str, groups: Sequence[str], role: str, *, token: str
    ) -> MadeAgain:
        """RunInstances, one."""
        found = await self.made(token)
        if found is not None:
            return found
        region = await self._region_of(image)
        profile = {"IamInstanceProfile": {"Name": role}} if role else {}
        answer = await self._caller.write(
            "ec2",
            "run_instances",
            region,
            ImageId=image,
            InstanceType=kind,
            SubnetId=subnet,
            SecurityGroupIds=list(groups),
            MinCount=1,
            MaxCount=1,
            ClientToken=_client(token),
            MetadataOptions={"HttpTokens": "required"},
            TagSpecifications=[_tagged("instance", token)],
            **profile,
        )
        (row,) = answered(answer, "Instances", "ec2.RunInstances", write=True)
        return _instance(row, region)

    async def remove_made(self, token: str) -> None:
        """DeleteVolume, of what carries the token. The right to terminate instances is one that an attacker would like best: our role has it not."""
        found = await self.made(token)
        if found is None:
            return
        if found.kind != "volume":
            raise Rejected(f"{found.id} is terminated by hand: our role may not", vendor="aws")
        with contextlib.suppress(TargetNotFound):
            await self._caller.write("ec2", "delete_volume", found.region, VolumeId=found.id)

    async def _region_of(self, image: str) -> str:
        """Images are of one region."""
        for region in self._caller.regions:
            try:
                answer = await self._caller.read("ec2", "describe_images", region, ImageIds=[image])
            except TargetNotFound:
                continue
            except Rejected as refusal:
                if refusal.detail.get("vendor_code") in _NOT_HERE:
                    continue
                raise
            if answer.get("Images"):
                return region
        raise TargetNotFound(f"there is no image {image}", vendor="aws")


def _volume(row: Mapping[str, Any], region: str) -> MadeAgain:
    return MadeAgain(
        id=str(row["VolumeId"]),
        kind="volume",
        region=region,
        state=_STATES.get(str(row.get("State")), "pending"),
        source=str(row.get("SnapshotId", "")),
        raw=plain(row),
    )


def _instance(row: Mapping[str, Any], region: str) -> MadeAgain:
    return MadeAgain(
        id=str(row["InstanceId"]),
        kind="instance",
        region=region,
        state=_STATES.get(str(row["State"]["Name"]), "pending"),
        source=str(row.get("ImageId", "")),
        raw=plain(row),
    )


def _tagged(kind: str, token: str) -> dict[str, Any]:
    return {"ResourceType": kind, "Tags": [{"Key": _TOKEN_TAG, "Value": token}]}


def _client(token: str) -> str:
    """At most 64 characters."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]
