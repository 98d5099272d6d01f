"""What a task may do with the intake of alerts: have the tenant's own alerts fetched. The installation provides it, not a vendor."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class Pulled(BaseModel):
    """What one provider of the tenant gave.

    Attributes:
        source: the tenant's and the provider's name.
        since: from when on was asked.
        read: alerts that were listed.
        new: of these, those that were not known.
        problem: why not all of them were read; what was read counts all the same, and is asked for again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: str
    since: datetime
    read: int
    new: int
    problem: str | None = None


@runtime_checkable
class Intake(Protocol):
    async def pull(self, now: datetime, first: timedelta) -> list[Pulled]:
        """Ask every provider of the tenant that lists alerts for what is new, and accept it durably. May be repeated.

        Args:
            now: up to when a provider that has nothing new counts as asked.
            first: how far back a provider is asked that was never asked before.
        """
        ...
