"""``directory_logs`` for Microsoft 365: everybody's sign-ins and the directory's audits, through Microsoft Graph.

======== =========================================== ======================================================= ===================
method   application permission                      page (learn.microsoft.com/graph/api/)                   requests
======== =========================================== ======================================================= ===================
sign_ins AuditLog.Read.All (and Entra ID P1)         signin-list (beta)                                      each kind / 1000
audits   AuditLog.Read.All                           directoryaudit-list                                     events / 1000
======== =========================================== ======================================================= ===================

Sign-ins come from the beta endpoint: v1.0 has neither those without a person's doing, nor those of applications, nor the protocol or whether
a second factor was demanded. Reports are limited to 5 requests in 10 seconds; records arrive minutes late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

from integrations.microsoft365._read import odata_time
from integrations.microsoft365.graph import Graph

__all__ = ["Microsoft365DirectoryLogs"]

_NEEDS: Final = "AuditLog.Read.All"
_KINDS: Final = (
    "",
    " and signInEventTypes/any(t:t eq 'nonInteractiveUser')",
    " and signInEventTypes/any(t:t eq 'servicePrincipal')",
)
"""The first is what the list holds when it is not asked for a kind: sign-ins that somebody typed."""


class Microsoft365DirectoryLogs:
    """Implements :class:`tenantry.capabilities.DirectoryLogs`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def sign_ins(self, since: datetime, until: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """One kind after the other; of each that waits, one page in memory."""
        kinds = [
            self._rows("/auditLogs/signIns", _span("createdDateTime", since, until) + kind, "beta") for kind in _KINDS
        ]
        # The first page of each is asked for at once: three waits become one.
        begun = [asyncio.ensure_future(_first(rows)) for rows in kinds]
        try:
            for first, rows in zip(begun, kinds, strict=True):
                row = await first
                if row is None:
                    continue
                yield row
                async for row in rows:
                    yield row
        finally:
            for first in begun:
                first.cancel()
            await asyncio.gather(*begun, return_exceptions=True)

    async def audits(self, since: datetime, until: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """Every audit; one page in memory."""
        async for row in self._rows("/auditLogs/directoryAudits", _span("activityDateTime", since, until), "v1.0"):
            yield row

    def _rows(self, path: str, chosen: str, version: str) -> AsyncIterator[dict[str, Any]]:
        params = {"$filter": chosen, "$top": "1000"}
        return self._graph.rows(path, params=params, version=version, needs=_NEEDS)


async def _first(rows: AsyncIterator[dict[str, Any]]) -> dict[str, Any] | None:
    return await anext(rows, None)


def _span(name: str, since: datetime, until: datetime) -> str:
    return f"{name} ge {odata_time(since)} and {name} le {odata_time(until)}"
