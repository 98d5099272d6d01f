"""Telephone numbers of a workspace (Teams), and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class PhoneNumber(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    number: str
    kind: str
    """The vendor's word for where it comes from: ``callingPlan``, ``directRouting``, ``operatorConnect``."""
    category: str
    """``primary`` or ``private``."""
    location: str | None
    """Id of the address for emergency calls."""
    raw: dict[str, Any]


@runtime_checkable
class Telephony(Protocol):
    """Provider contract. Both writes are orders, which the vendor carries out a moment later; the list says when it has."""

    async def numbers(self, account_id: str) -> Sequence[PhoneNumber]:
        """Those that this account is called at. An account that there is not has none."""
        ...

    async def unassign(self, number: PhoneNumber) -> None:
        """It belongs to nobody any more, and stays with the organisation."""
        ...

    async def assign(self, number: PhoneNumber, account_id: str) -> None:
        """The account is called at it, as before. The vendor refuses one that is somebody else's by now (Rejected)."""
        ...
