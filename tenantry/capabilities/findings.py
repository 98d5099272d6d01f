"""What the vendor's own detectors found in one tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

Severity = Literal["informational", "low", "medium", "high", "critical"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectorState(_Fact):
    """Whether a detector watches a region at all: where it does not, no finding proves nothing."""

    service: str
    region: str
    enabled: bool
    present: bool = True
    """There is one, switched off or not; False: there never was, or it was deleted."""


class VendorFinding(_Fact):
    id: str
    service: str
    """``guardduty``, ``securityhub`` …"""
    region: str
    type: str
    title: str
    severity: Severity
    first_seen: datetime
    updated_at: datetime
    """With the id it tells whether this state of the finding was seen already."""
    resources: tuple[str, ...]
    """Resource names and ids that it is about, access keys among them."""
    open: bool
    """Not archived, suppressed or resolved."""
    raw: dict[str, Any]


@runtime_checkable
class Findings(Protocol):
    """Provider contract."""

    async def detectors(self) -> tuple[DetectorState, ...]:
        """Each detector in each configured region."""
        ...

    def findings(
        self, since: datetime, *, least: Severity = "low", closed: bool = False
    ) -> AsyncIterator[VendorFinding]:
        """Findings updated since then, of at least that severity; ``closed`` ones as well when asked for."""
        ...

    async def finding(self, finding: str) -> VendorFinding:
        """Raises TargetNotFound."""
        ...

    async def set_open(self, finding: str, open: bool) -> None:
        """Archive (resolve) a finding that was dealt with, or open it again."""
        ...
