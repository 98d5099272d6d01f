"""What Microsoft 365 Backup keeps for the lab's tenant: units for each person's mailbox and drive and for one site, a restore point every day of a month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.dice import Dice
from integrations.lab.directory import Directory
from integrations.lab.records import Table

__all__ = ["Protection"]

_DAYS = 30
KINDS = ("mailbox", "drive", "site")


class Protection:
    """Units and their points follow from the directory; sessions are what was asked for."""

    def __init__(self, dice: Dice, directory: Directory, users: int, domain: str, start: datetime) -> None:
        self._dice, self._directory, self._users, self._domain = dice, directory, users, domain
        self._newest = start - timedelta(hours=3)
        self.sessions: dict[str, Table] = {kind: Table() for kind in KINDS}

    def unit_id(self, kind: str, index: int) -> str:
        return self._dice.guid("protection unit", kind, index)

    def units(self, kind: str) -> Iterator[dict[str, Any]]:
        """As the service lists them for an application: without address and name."""
        for index in range(1 if kind == "site" else self._users):
            yield self._unit(kind, index)

    def found(self, unit: str) -> dict[str, Any] | None:
        """A unit by its id."""
        return next((row for kind in KINDS for row in self.units(kind) if row["id"] == unit), None)

    def points(self, unit: dict[str, Any]) -> list[dict[str, Any]]:
        """Newest first."""
        days = [self._newest - timedelta(days=day) for day in range(_DAYS)]
        return [
            {
                "id": f"{unit['id']}_{(self._newest - at).days}_12_2",
                "protectionDateTime": iso(at),
                "expirationDateTime": iso(at + timedelta(days=365)),
                "tags": "fastRestore",
            }
            for at in days
        ]

    def owner(self, kind: str, address: str) -> dict[str, Any] | None:
        """The unit of an address or site."""
        if kind == "site":
            return next((row for row in self.units(kind) if row["siteWebUrl"].lower() == address.lower()), None)
        index = self._directory.resolve(address)
        return None if index is None else self._unit(kind, index)

    def _unit(self, kind: str, index: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            "@odata.type": f"#microsoft.graph.{kind}ProtectionUnit",
            "id": self.unit_id(kind, index),
            "policyId": self._dice.guid("protection policy", kind),
            "status": "protected",
            "error": None,
        }
        if kind == "site":
            address = f"https://{self._domain.partition('.')[0]}.sharepoint.com/sites/team"
            return {**row, "siteId": self._dice.guid("site", index), "siteName": "Team", "siteWebUrl": address}
        return {**row, "directoryObjectId": self._directory.id_of(index)}
