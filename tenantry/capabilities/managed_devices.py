"""Phones and computers that a tenant manages: what they are, and the orders to leave or to forget everything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

DeviceState = Literal["managed", "retiring", "wiping", "failed"]
"""``retiring``, ``wiping``: ordered, and the device has not obeyed yet; ``failed``: it was ordered to do either and could not."""


class ManagedDevice(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    name: str
    operating_system: str
    ownership: Literal["company", "personal", "unknown"]
    state: DeviceState
    last_seen: datetime | None
    """When it last asked the management for orders."""
    raw: dict[str, Any]


@runtime_checkable
class ManagedDevices(Protocol):
    """Provider contract. ``user`` is an object id or a user principal name. A device that has obeyed is not there any more."""

    async def devices(self, user: str) -> Sequence[ManagedDevice]:
        """Those enrolled for this account."""
        ...

    async def device(self, device_id: str) -> ManagedDevice:
        """Raises TargetNotFound: it is not managed (any more)."""
        ...

    async def retire(self, device_id: str) -> None:
        """Order it to remove the organisation's data and to leave the management, once it asks for orders. Absent counts as retired."""
        ...

    async def wipe(self, device_id: str) -> None:
        """Order it to reset itself to the state in which it was delivered. Absent counts as wiped."""
        ...
