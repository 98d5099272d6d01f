"""``dns`` of the stand-in account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from integrations.lab.cloud.account import CloudAccount
from tenantry.capabilities.dns import RecordSet, Zone
from tenantry.errors import Rejected


class LabDns:
    """Implements :class:`tenantry.capabilities.Dns` in memory. Changes are everywhere at once."""

    def __init__(self, account: CloudAccount) -> None:
        self._a = account

    async def zones(self) -> AsyncIterator[Zone]:
        for id, row in self._a.all("zones"):
            yield Zone(id=id, name=row["name"], private=False, raw={"Id": id})

    async def records(self, zone: str) -> AsyncIterator[RecordSet]:
        self._a.seen("zones", zone)
        for id, row in self._a.all("records"):
            if id.startswith(f"{zone}|"):
                yield _record(row)

    async def record(self, zone: str, name: str, type: str, set_identifier: str = "") -> RecordSet | None:
        self._a.seen("zones", zone)
        found = self._a.table("records").find(_id(zone, name, type, set_identifier), self._a.now)
        return None if found is None else _record(found.view(self._a.now))

    async def set_record(self, zone: str, name: str, type: str, ttl: int, values: tuple[str, ...]) -> str:
        row = {"name": _dotted(name), "type": type, "ttl": ttl, "values": sorted(values), "alias": "", "set": ""}
        return self._put(zone, row, "set_record")

    async def put_back(self, zone: str, record: RecordSet) -> str:
        return self._put(zone, dict(record.raw), "put_back")

    async def remove_record(self, zone: str, record: RecordSet) -> str:
        self._a.truth("zones", zone)
        id = _id(zone, record.name, record.type, record.set_identifier)
        found = self._a.table("records").get(id)
        if found is None:
            return ""
        if found.props != record.raw:
            raise Rejected(f"{record.name} {record.type} has changed since it was read")
        self._a.remove("records", id, "remove_record", f"zones/{zone}/{record.name}/{record.type}")
        return self._a.fresh("C", 12)

    async def in_sync(self, change: str) -> bool:
        return bool(change)

    def _put(self, zone: str, row: dict[str, Any], method: str) -> str:
        self._a.truth("zones", zone)
        id = _id(zone, row["name"], row["type"], row["set"])
        target = f"zones/{zone}/{row['name']}/{row['type']}"
        if self._a.table("records").get(id) is None:
            self._a.create("records", id, row, method, target)
        else:
            self._a.change("records", id, row, method, target)
        return self._a.fresh("C", 12)


def _dotted(name: str) -> str:
    name = name.lower()
    return name if name.endswith(".") else f"{name}."


def _id(zone: str, name: str, type: str, set_identifier: str) -> str:
    return f"{zone}|{_dotted(name)}|{type}|{set_identifier}"


def _record(row: Mapping[str, Any]) -> RecordSet:
    return RecordSet(
        name=row["name"],
        type=row["type"],
        ttl=row["ttl"],
        values=tuple(row["values"]),
        alias=row["alias"],
        set_identifier=row["set"],
        raw=dict(row),
    )
