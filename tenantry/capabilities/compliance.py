"""What a compliance sweep may know of the sweeps before it, and of what people have said. The installation provides it, not a vendor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from tenantry.baseline.remembered import Said

__all__ = ["Compliance"]


@runtime_checkable
class Compliance(Protocol):
    async def said(self) -> Said:
        """Exceptions and answers of this client, expired ones too."""
        ...

    async def earlier(self, run_id: str, baselines: Collection[str]) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
        """Baseline → policy → how it stood in the newest sweep before this run that looked at that baseline, as
        `tenantry.baseline.remembered.assessed` gave it. A baseline that was never looked at is not there; drills are left out."""
        ...
