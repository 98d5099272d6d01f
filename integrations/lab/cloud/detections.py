"""``findings`` of the stand-in account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from integrations.lab.cloud.account import REGIONS, CloudAccount
from tenantry.capabilities.findings import DetectorState, Severity, VendorFinding

_ORDER = ("informational", "low", "medium", "high", "critical")


class LabFindings:
    """Implements :class:`tenantry.capabilities.Findings` in memory."""

    def __init__(self, account: CloudAccount) -> None:
        self._a = account

    async def detectors(self) -> tuple[DetectorState, ...]:
        return tuple(
            DetectorState(
                service=service,
                region=region,
                enabled=self._a.detectors.get((service, region), False),
                present=(service, region) in self._a.detectors,
            )
            for region in REGIONS
            for service in ("guardduty", "securityhub")
        )

    async def findings(
        self, since: datetime, *, least: Severity = "low", closed: bool = False
    ) -> AsyncIterator[VendorFinding]:
        for id, row in self._a.all("findings"):
            strong = _ORDER.index(row["severity"]) >= _ORDER.index(least)
            if row["updated_at"] >= since and strong and (closed or row["open"]):
                yield _finding(id, row)

    async def finding(self, finding: str) -> VendorFinding:
        return _finding(finding, self._a.seen("findings", finding))

    async def set_open(self, finding: str, open: bool) -> None:
        if self._a.truth("findings", finding).props["open"] != open:
            self._a.change("findings", finding, {"open": open}, "set_open", f"findings/{finding}")


def _finding(id: str, row: Mapping[str, Any]) -> VendorFinding:
    return VendorFinding(id=id, raw={"Id": id}, **row)
