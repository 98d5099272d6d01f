"""What a task may do with the sweep: have the tenant looked at, and hear what came of it. The installation provides it, not a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Sweeping(Protocol):
    async def sweep(self, run_id: str, now: datetime, days: int) -> Mapping[str, Any]:
        """Look at everything of the tenant that the checks look at. Reads only; may be repeated.

        Args:
            run_id: of the run that sweeps; what it is compared with is the newest sweep before it.
            now: up to when; the same in each repetition.
            days: how far back logs are read.

        Returns:
            the sweep as `tenantry.sweep.remembered.document` has it.
        """
        ...
