"""What a task may do with the readings of the sweep: read facts of any kind that there is, and have checks made. The installation provides
it, not a vendor.

For tasks that look at everything a client has, whatever that is: one that named all capabilities in its ``needs`` could not run for a client
who lacks one of them. What is read is declared by each collector, with its permissions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from tenantry.sweep.check import BaseCheck, Collector, Giver, Look
    from tenantry.sweep.model import Sweep

__all__ = ["Agreed", "ConnectedSystem", "Looking"]

F = TypeVar("F")


class ConnectedSystem(BaseModel):
    """A system that the client's file, or the estate's, names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    """What the file calls it."""
    vendor: str
    works: bool | None
    """It answered and let us in; None: it says nothing about that without doing something."""
    why: str = ""
    """What is wrong, in a sentence; empty: nothing is known to be."""
    missing: tuple[str, ...] = ()
    """What keeps single things from working although it answers."""


class Agreed(BaseModel):
    """Who answers for what, as the client's file has it from the agreement."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signed_on: date | None
    ends_on: date | None
    services: tuple[str, ...]
    duties: Mapping[Literal["msp", "client", "third_party"], tuple[str, ...]]
    """Who carries it → duties; nobody's is left out."""
    contacts: frozenset[str]
    """Roles in which the client's people are named."""
    team: frozenset[str]
    """Roles of the response team that somebody has."""


@runtime_checkable
class Looking(Protocol):
    async def look(self, now: datetime, days: int) -> Look:
        """What may be known beforehand: what is ours, what belongs there, and the window in which something counts as new."""
        ...

    def given(self, needs: Sequence[str], look: Look) -> Giver:
        """What a collector is given; refuses capabilities that are not among ``needs``."""
        ...

    def facts(self, source: Collector[F], look: Look) -> AsyncIterator[F]:
        """What a collector reads, streamed.

        Raises:
            NoProvider: the client has nothing that answers this. ProviderError, InvalidTenant: it could not be asked.
        """
        ...

    async def checked(self, checks: Sequence[BaseCheck], look: Look) -> Sweep:
        """Some of the sweep's checks, made now."""
        ...

    async def systems(self, known: Collection[str] = ()) -> Sequence[ConnectedSystem]:
        """Every system that serves the client, tried; without those that are ``known``. None of them stops the others."""
        ...

    async def restores(self, since: datetime) -> Sequence[dict[str, Any]]:
        """Restores that runs of this client proved since then, newest first: ``{run_id, runbook, step, at, what}``."""
        ...

    async def exercises(self, since: datetime) -> Sequence[dict[str, Any]]:
        """Drills of incidents and disasters that came to their end since then, newest first: ``{run_id, runbook, at}``."""
        ...

    async def agreed(self) -> Agreed:
        """What the client's file says of the agreement."""
        ...
