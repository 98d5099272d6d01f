"""What a run may read of its own record: how its steps ended, and what they kept as evidence. The installation provides it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

__all__ = ["Recorded"]


@runtime_checkable
class Recorded(Protocol):
    async def run(self, run_id: str) -> Mapping[str, Any]:
        """The run as `tenantry runs show RUN --json` has it, with each step's ``title`` and the runbook's ``title`` and ``phases``.

        Raises:
            NotFound: it is no run of this client.
        """
        ...

    async def evidence(self, run_id: str, sha256: str) -> bytes:
        """What this run kept as evidence, by its digest.

        Raises:
            NotFound: this run kept no such thing. RecordError: it is damaged or gone.
        """
        ...
