"""What the engine needs from its surroundings: one tenant's capabilities, its people, its runbooks' tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tenantry.discovery import TaskRegistry
from tenantry.journal import Journal
from tenantry.names import Role
from tenantry.people import Person
from tenantry.run.state import Gate, RunState
from tenantry.run.unattended import Unattended
from tenantry.task import EvidenceSink


class TenantAccess(Protocol):
    """One tenant as a run sees it. Built by the assembly; holds nothing of any other tenant."""

    @property
    def name(self) -> str: ...

    @property
    def subject(self) -> Mapping[str, Any]:
        """Public facts: what runbooks see as ``tenant`` and tasks as ``ctx.subject``. JSON."""
        ...

    @property
    def protected(self) -> frozenset[str]:
        """Responders' and break-glass accounts, lower-case UPN or object id."""
        ...

    @property
    def disruptive_needs(self) -> Role | None:
        """Role that must approve DISRUPTIVE effects by the tenant's policy; None: as the runbook says."""
        ...

    async def capability(self, name: str) -> Any:
        """The provider's handle; opened at first use, so an unreachable tenant fails the step that needs it."""
        ...

    async def ahead(self, names: Collection[str]) -> None:
        """Open and sign in to what serves these, which will be used soon. Raises nothing: who uses it meets what is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything a run stands in besides its tenant."""

    journal: Journal
    registry: TaskRegistry
    people: Callable[[], Mapping[str, Person]]
    """Everybody by id, as they are now."""
    evidence: Callable[[str, str], EvidenceSink]
    """(tenant, run id) → where collected evidence goes."""
    now: Callable[[], datetime]
    sign: Callable[[str], object] | None = None
    """Signs the record of a tenant. Called when a run stops or ends."""
    remind: Callable[[RunState, Gate, int], Awaitable[None]] | None = None
    """Has somebody reminded of an open question: which of its reminders, from 1. May be called again for the same one, and then does
    nothing more. None: nobody is."""
    unattended: Unattended | None = None
    """What runs that an alert started may do while nobody has looked. None: nothing, each asks before its first effect."""
