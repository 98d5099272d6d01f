"""The tenant's unified audit log: who did what, from where."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class AuditRecord(BaseModel):
    """One record. ``raw`` is the vendor's own, unaltered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    at: datetime
    service: str
    operation: str
    actor: str
    ip: str
    """Without port; empty when the vendor gives none."""
    object_id: str
    parameters: dict[str, str] = {}
    """What the operation was called with, by name, values as text; empty where the record has none. Says which rule,
    trustee or address a change was about when ``object_id`` names only the mailbox."""
    raw: dict[str, Any]


@runtime_checkable
class Logs(Protocol):
    def search(
        self, since: datetime, until: datetime, *, users: Sequence[str] = (), operations: Sequence[str] = ()
    ) -> AsyncIterator[AuditRecord]:
        """Search the unified audit log; streamed. The vendor may take minutes, and may not have the newest records yet."""
        ...
