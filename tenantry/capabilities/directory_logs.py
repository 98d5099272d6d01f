"""What one tenant's directory logs of everybody, record by record in the vendor's own form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class DirectoryLogs(Protocol):
    """Provider contract. Records are as the vendor gives them, newest first within each kind."""

    def sign_ins(self, since: datetime, until: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """Of people, by hand and without, and of applications; with all that the vendor tells of each."""
        ...

    def audits(self, since: datetime, until: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """What was changed in the directory."""
        ...
