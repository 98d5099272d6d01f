"""``cloud`` of the stand-in account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.cloud.account import REGIONS, CloudAccount
from tenantry.capabilities.cloud import (
    BackupVault,
    EncryptionKey,
    Instance,
    NetworkInterface,
    PublicAccess,
    SecurityGroup,
    Snapshot,
)
from tenantry.errors import Rejected

ISOLATION = "tenantry-isolation"


class LabMachines:
    """Implements :class:`tenantry.capabilities.Cloud` in memory."""

    def __init__(self, account: CloudAccount) -> None:
        self._a = account

    # --- machines -----------------------------------------------------------------------------------------------------

    async def instances(self) -> AsyncIterator[Instance]:
        for id, row in self._a.all("instances"):
            yield self._instance(id, row)

    async def instance(self, instance: str) -> Instance:
        return self._instance(instance, self._a.seen("instances", instance))

    async def set_groups(self, interface: str, groups: Sequence[str]) -> None:
        self._a.truth("interfaces", interface)
        for group in groups:
            self._a.truth("groups", group)
        owner = next(r.id for r in self._a.table("instances") if interface in r.props["interfaces"])
        target = f"instances/{owner}/interfaces/{interface}"
        self._a.change("interfaces", interface, {"groups": sorted(groups)}, "set_groups", target)

    async def tracked(self, instance: str) -> bool:
        row = self._a.seen("instances", instance)
        groups = {group for id in row["interfaces"] for group in self._a.seen("interfaces", id)["groups"]}
        return not any(self._a.seen("groups", group)["name"] == "open" for group in groups)

    # --- isolation ----------------------------------------------------------------------------------------------------

    async def security_group(self, group: str) -> SecurityGroup:
        return _group(group, self._a.seen("groups", group))

    async def isolation_group(self, region: str, network: str) -> SecurityGroup | None:
        if region not in REGIONS:
            raise Rejected(f"{region} is not among the regions")
        for id, row in self._a.all("groups"):
            if (row["region"], row["network"], row["name"]) == (region, network, ISOLATION):
                return _group(id, row)
        return None

    async def create_isolation_group(self, region: str, network: str) -> SecurityGroup:
        for record in self._a.table("groups"):
            row = record.props
            if (row["region"], row["network"], row["name"]) == (region, network, ISOLATION):
                if row["ingress"] or row["egress"]:
                    closed = {"ingress": 0, "egress": 0}
                    self._a.change("groups", record.id, closed, "close_group", f"groups/{record.id}")
                return _group(record.id, record.props)
        id = self._a.fresh("sg-")
        made = {"region": region, "network": network, "name": ISOLATION, "ingress": 0, "egress": 0}
        self._a.create("groups", id, made, "create_isolation_group", f"groups/{region}/{network}")
        return _group(id, made)

    # --- disks --------------------------------------------------------------------------------------------------------

    async def snapshots(self, volume: str | None = None) -> AsyncIterator[Snapshot]:
        for id, row in self._a.all("snapshots"):
            if volume in (None, row["volume"]):
                yield _snapshot(id, row)

    async def snapshot(self, snapshot: str) -> Snapshot:
        return _snapshot(snapshot, self._a.seen("snapshots", snapshot))

    async def snapshot_of(self, volume: str, token: str) -> Snapshot | None:
        for id, row in self._a.all("snapshots"):
            if (row["volume"], row["token"]) == (volume, token):
                return _snapshot(id, row)
        return None

    async def create_snapshot(self, volume: str, *, token: str, description: str) -> Snapshot:
        for record in self._a.table("snapshots"):
            if (record.props["volume"], record.props["token"]) == (volume, token):
                return _snapshot(record.id, record.props)
        region = self._a.truth("volumes", volume).props["region"]
        id = self._a.fresh("snap-")
        row = {
            "region": region,
            "volume": volume,
            "token": token,
            "description": description,
            "at": self._a.lab.now(),
            "locked": None,
        }
        self._a.create("snapshots", id, row, "create_snapshot", f"volumes/{volume}/snapshots/{token}")
        return _snapshot(id, row)

    async def delete_snapshot(self, snapshot: str) -> None:
        found = self._a.table("snapshots").get(snapshot)
        if found is None:
            return
        if found.props["locked"] and found.props["locked"] > self._a.lab.now():
            raise Rejected(f"{snapshot} is locked")
        target = f"volumes/{found.props['volume']}/snapshots/{found.props['token']}"
        self._a.remove("snapshots", snapshot, "delete_snapshot", target)

    async def lock_snapshot(self, snapshot: str, until: datetime) -> None:
        row = self._a.truth("snapshots", snapshot).props
        if row["locked"] is None or row["locked"] < until:
            target = f"volumes/{row['volume']}/snapshots/{row['token']}/lock"
            self._a.change("snapshots", snapshot, {"locked": until}, "lock_snapshot", target)

    async def snapshot_shares(self, snapshot: str) -> tuple[str, ...]:
        return tuple(sorted(self._a.seen("snapshots", snapshot).get("shares") or ()))

    async def set_snapshot_share(self, snapshot: str, account: str, shared: bool) -> None:
        row = self._a.truth("snapshots", snapshot).props
        present = set(row.get("shares") or ())
        wanted = present | {account} if shared else present - {account}
        if wanted != present:
            target = f"snapshots/{snapshot}/shares/{account}"
            self._a.change("snapshots", snapshot, {"shares": sorted(wanted)}, "set_snapshot_share", target)

    # --- guards of data -----------------------------------------------------------------------------------------------

    async def public_access(self, bucket: str | None) -> PublicAccess:
        table, id = ("account", "access") if bucket is None else ("buckets", bucket)
        row = self._a.seen(table, id)
        return PublicAccess(**{name: bool(row.get(name)) for name in PublicAccess.model_fields})

    async def set_public_access(self, bucket: str | None, access: PublicAccess) -> None:
        table, id = ("account", "access") if bucket is None else ("buckets", bucket)
        target = f"buckets/{bucket}/public_access" if bucket else "account/public_access"
        self._a.change(table, id, access.model_dump(), "set_public_access", target)

    async def bucket_policy(self, bucket: str) -> dict[str, Any] | None:
        found = self._a.seen("buckets", bucket).get("policy")
        return None if found is None else dict(found)

    async def set_bucket_policy(self, bucket: str, document: Mapping[str, Any] | None) -> None:
        policy = None if document is None else dict(document)
        self._a.change("buckets", bucket, {"policy": policy}, "set_bucket_policy", f"buckets/{bucket}/policy")

    async def backup_vaults(self) -> AsyncIterator[BackupVault]:
        for id, row in self._a.all("vaults"):
            yield BackupVault(
                id=id, raw={"BackupVaultArn": id}, **{n: row[n] for n in ("region", "name", "points", "locked")}
            )

    async def vault_policy(self, vault: str) -> dict[str, Any] | None:
        found = self._a.seen("vaults", vault).get("policy")
        return None if found is None else dict(found)

    async def set_vault_policy(self, vault: str, document: Mapping[str, Any] | None) -> None:
        policy = None if document is None else dict(document)
        name = self._a.truth("vaults", vault).props["name"]
        self._a.change("vaults", vault, {"policy": policy}, "set_vault_policy", f"vaults/{name}/policy")

    async def encryption_keys(self) -> AsyncIterator[EncryptionKey]:
        for id, row in self._a.all("kms"):
            yield _encryption_key(id, row)

    async def encryption_key(self, key: str) -> EncryptionKey:
        return _encryption_key(key, self._a.seen("kms", key))

    async def keep_encryption_key(self, key: str) -> None:
        if self._a.truth("kms", key).props["state"] == "pending_deletion":
            kept = {"state": "disabled", "deletion": None}
            self._a.change("kms", key, kept, "keep_encryption_key", f"kms/{key}")

    async def set_encryption_key_enabled(self, key: str, enabled: bool) -> None:
        state = "enabled" if enabled else "disabled"
        if self._a.truth("kms", key).props["state"] != state:
            self._a.change("kms", key, {"state": state}, "set_encryption_key_enabled", f"kms/{key}")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _instance(self, id: str, row: Mapping[str, Any]) -> Instance:
        found = []
        for each in row["interfaces"]:
            seen = self._a.seen("interfaces", each)
            found.append(
                NetworkInterface(
                    id=each,
                    network=seen["network"],
                    groups=tuple(sorted(seen["groups"])),
                    private_ip=seen["ip"],
                    public_ip="",
                )
            )
        return Instance(
            id=id,
            region=row["region"],
            name=row["name"],
            state=row["state"],
            kind=row["kind"],
            image=row["image"],
            launched_at=row["launched"],
            role=row["role"],
            interfaces=tuple(found),
            volumes=tuple(row["volumes"]),
            tags={"Name": row["name"]},
            raw={"InstanceId": id, "LaunchTime": iso(row["launched"]), "InstanceType": row["kind"]},
        )


def _group(id: str, row: Mapping[str, Any]) -> SecurityGroup:
    return SecurityGroup(id=id, raw={"GroupId": id, "GroupName": row["name"]}, **row)


def _snapshot(id: str, row: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        id=id,
        region=row["region"],
        volume=row["volume"],
        state="completed",
        started_at=row["at"],
        token=row["token"],
        locked_until=row["locked"],
        raw={"SnapshotId": id, "VolumeId": row["volume"]},
    )


def _encryption_key(id: str, row: Mapping[str, Any]) -> EncryptionKey:
    return EncryptionKey(
        id=id,
        region=row["region"],
        state=row["state"],
        deletion_at=row["deletion"],
        managed_by_customer=True,
        raw={"KeyId": id},
    )
