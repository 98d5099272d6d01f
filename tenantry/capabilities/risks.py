"""The client's risk register, for tasks. The installation provides it, not a vendor; a drill has a register of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from tenantry.risk.model import Register
    from tenantry.risk.register import Act

__all__ = ["Risks"]


@runtime_checkable
class Risks(Protocol):
    async def read(self, run_id: str) -> Register:
        """As it is now.

        Raises:
            JournalCorrupt: an entry was altered, or one is missing.
        """
        ...

    async def append(self, run_id: str, acts: Sequence[Act], seen: int) -> None:
        """Append entries, all or none.

        Args:
            run_id: of the run that says so.
            seen: how many entries the register had that the acts were made from.
        """
        ...
