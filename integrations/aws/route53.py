"""``dns`` over Route 53.

Sources (docs.aws.amazon.com/Route53/latest/APIReference): API_ChangeResourceRecordSets.html (atomic; a DELETE must match exactly; while
another change is under way it answers PriorRequestNotComplete), API_GetChange.html (PENDING until all name servers have it).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from integrations.aws.caller import Caller, answered
from integrations.aws.rows import plain
from tenantry.capabilities.dns import RecordSet, Zone
from tenantry.errors import Rejected, TargetNotFound

__all__ = ["AwsDns"]


class AwsDns:
    """Implements :class:`tenantry.capabilities.Dns`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def zones(self) -> AsyncIterator[Zone]:
        """Public and private."""
        async for page in self._caller.pages("route53", "list_hosted_zones", "HostedZones"):
            for row in page["HostedZones"]:
                yield Zone(
                    id=str(row["Id"]).rsplit("/", 1)[-1],
                    name=str(row["Name"]).lower(),
                    private=bool((row.get("Config") or {}).get("PrivateZone")),
                    raw=plain(row),
                )

    async def records(self, zone: str) -> AsyncIterator[RecordSet]:
        """In the order of the vendor."""
        async for page in self._caller.pages(
            "route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone
        ):
            for row in page["ResourceRecordSets"]:
                yield _record(row)

    async def record(self, zone: str, name: str, type: str, set_identifier: str = "") -> RecordSet | None:
        """The list begins at the name that was asked for, so one page does."""
        wanted = _dotted(name)
        answer = await self._caller.read(
            "route53", "list_resource_record_sets", HostedZoneId=zone, StartRecordName=wanted, StartRecordType=type
        )
        for row in answered(answer, "ResourceRecordSets", "route53.ListResourceRecordSets"):
            found = _record(row)
            if (found.name, found.type, found.set_identifier) == (wanted, type, set_identifier):
                return found
        return None

    async def set_record(self, zone: str, name: str, type: str, ttl: int, values: tuple[str, ...]) -> str:
        """UPSERT."""
        row = {
            "Name": _dotted(name),
            "Type": type,
            "TTL": ttl,
            "ResourceRecords": [{"Value": value} for value in sorted(values)],
        }
        return await self._change(zone, "UPSERT", row)

    async def put_back(self, zone: str, record: RecordSet) -> str:
        """UPSERT of the vendor's own row."""
        return await self._change(zone, "UPSERT", record.raw)

    async def remove_record(self, zone: str, record: RecordSet) -> str:
        """DELETE; AWS compares it with what is there."""
        present = await self.record(zone, record.name, record.type, record.set_identifier)
        if present is None:
            return ""
        if (present.values, present.ttl, present.alias) != (record.values, record.ttl, record.alias):
            raise Rejected(f"{record.name} {record.type} has changed since it was read", vendor="aws")
        return await self._change(zone, "DELETE", present.raw)

    async def in_sync(self, change: str) -> bool:
        """INSYNC."""
        answer = await self._caller.read("route53", "get_change", Id=change)
        return str(answered(answer, "ChangeInfo", "route53.GetChange").get("Status")) == "INSYNC"

    async def _change(self, zone: str, action: str, row: Mapping[str, Any]) -> str:
        try:
            answer = await self._caller.write(
                "route53",
                "change_resource_record_sets",
                HostedZoneId=zone,
                ChangeBatch={"Comment": "tenantry", "Changes": [{"Action": action, "ResourceRecordSet": dict(row)}]},
            )
        except TargetNotFound:
            raise TargetNotFound(f"there is no zone {zone}", vendor="aws") from None
        info = answered(answer, "ChangeInfo", "route53.ChangeResourceRecordSets", write=True)
        return str(info["Id"]).rsplit("/", 1)[-1]


def _dotted(name: str) -> str:
    name = name.lower()
    return name if name.endswith(".") else f"{name}."


def _record(row: Mapping[str, Any]) -> RecordSet:
    return RecordSet.model_construct(
        name=_dotted(str(row["Name"]).replace("\\052", "*")),
        type=str(row["Type"]),
        ttl=row.get("TTL"),
        values=tuple(sorted(str(value["Value"]) for value in row.get("ResourceRecords") or ())),
        alias=str((row.get("AliasTarget") or {}).get("DNSName", "")),
        set_identifier=str(row.get("SetIdentifier") or ""),
        raw=plain(row),
    )
