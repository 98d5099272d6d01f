"""``logs`` for Microsoft 365: the unified audit log, through Graph's audit search.

========= =========================== ================================================================================
method    application permission      page (learn.microsoft.com/graph/api/)
========= =========================== ================================================================================
search    AuditLogsQuery.Read.All     security-auditcoreroot-post-auditlogqueries, security-auditlogquery-list-records
========= =========================== ================================================================================

A search is a job at the vendor: created, then polled until it has succeeded, minutes later or more. It is created once: when the
answer to its creation is lost, it is looked up by its name; when waiting is cut short, the next search with the same question in
this process, or a search by the same name that is still under way, is taken up again.

Known limits: records arrive at the vendor up to an hour late, some kinds up to a day; the vendor keeps 180 days (E5: a year).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

from integrations.microsoft365._read import address, at, odata_time, text
from integrations.microsoft365.graph import Graph, segment
from tenantry import deadline
from tenantry.capabilities import AuditRecord
from tenantry.errors import ProviderError, Rejected, VendorFault

__all__ = ["Microsoft365Logs"]

_PATH: Final = "/security/auditLog/queries"
_NEEDS: Final = "AuditLogsQuery.Read.All"
_UNDER_WAY: Final = frozenset({"notStarted", "running"})


class Microsoft365Logs:
    """Implements :class:`tenantry.capabilities.Logs`.

    Args:
        graph: the tenant's Graph.
        patience: seconds to wait for one search.
        first_poll: seconds between the first look and the second; then doubled up to half a minute.
    """

    def __init__(self, graph: Graph, *, patience: float = 3600.0, first_poll: float = 0.1) -> None:
        self._graph = graph
        self._patience = patience
        self._first_poll = first_poll
        self._begun: dict[str, str] = {}

    async def search(
        self, since: datetime, until: datetime, *, users: Sequence[str] = (), operations: Sequence[str] = ()
    ) -> AsyncIterator[AuditRecord]:
        """Records in the span, of these users (principal names) and operations; all when empty. Order is the vendor's.

        Raises:
            VendorFault: the search failed, or has not finished; searching again goes on with the same one.
        """
        question = {
            "filterStartDateTime": odata_time(since),
            "filterEndDateTime": odata_time(until),
            "userPrincipalNameFilters": sorted(user.lower() for user in users),
            "operationFilters": sorted(operations),
        }
        name = f"tenantry {hashlib.sha256(json.dumps(question).encode()).hexdigest()[:24]}"
        query = self._begun.get(name) or await self._begin(name, question)
        self._begun[name] = query
        await self._wait(name, query)
        path = f"{_PATH}/{segment(query)}/records"
        async for row in self._graph.rows(path, params={"$top": "1000"}, needs=_NEEDS):
            yield _record(row)
        self._begun.pop(name, None)  # the same question later is a new one: there may be new records

    async def _begin(self, name: str, question: dict[str, Any]) -> str:
        existing = await self._look_up(name, _UNDER_WAY)
        if existing is not None:
            return existing
        body = {"displayName": name, **{key: value for key, value in question.items() if value}}
        lost: ProviderError
        try:
            created = await self._graph.ask(_PATH, body, needs=_NEEDS, attempts=1)
        except VendorFault as exc:  # perhaps created: look before anything is sent again
            lost = exc
        else:
            return text(created.get("id"))
        existing = await self._look_up(name, None)
        if existing is None:
            raise lost
        return existing

    async def _look_up(self, name: str, states: frozenset[str] | None) -> str | None:
        async for row in self._graph.rows(_PATH, needs=_NEEDS):
            if row.get("displayName") == name and (states is None or row.get("status") in states):
                return text(row.get("id"))
        return None

    async def _wait(self, name: str, query: str) -> None:
        waited = 0.0
        pause = self._first_poll
        while True:
            status = (await self._graph.get(f"{_PATH}/{segment(query)}", needs=_NEEDS)).get("status")
            if status == "succeeded":
                return
            if status not in _UNDER_WAY:
                self._begun.pop(name, None)
                raise Rejected(f"the audit search ended as {status!r}", vendor="microsoft365", query_id=query)
            left = deadline.remaining()
            if waited + pause > self._patience or (left is not None and pause >= left):
                raise VendorFault(
                    f"the audit search has not finished after {waited:.0f} s",
                    remedy="Resume later: the same search is taken up again.",
                    vendor="microsoft365",
                    query_id=query,
                )
            await self._graph.http.pause(pause)
            waited += pause
            pause = min(30.0, pause * 2)


def _record(row: dict[str, Any]) -> AuditRecord:
    data = row.get("auditData")
    data = data if isinstance(data, dict) else {}
    return AuditRecord.model_construct(
        id=text(row.get("id")),
        at=at(row.get("createdDateTime")),
        service=text(row.get("service")),
        operation=text(row.get("operation")),
        actor=text(row.get("userPrincipalName") or row.get("userId") or data.get("UserId")).lower(),
        ip=address(row.get("clientIp") or data.get("ClientIP")),
        object_id=text(row.get("objectId") or data.get("ObjectId")),
        parameters=_parameters(data),
        raw=row,
    )


def _parameters(data: dict[str, Any]) -> dict[str, str]:
    """What the operation was called with: ``Parameters`` of a cmdlet, new values of ``ModifiedProperties``."""
    found: dict[str, str] = {}
    for entry in data.get("Parameters") or ():
        if isinstance(entry, dict) and entry.get("Name"):
            found[text(entry["Name"])] = text(entry.get("Value"))
    for entry in data.get("ModifiedProperties") or ():
        if isinstance(entry, dict) and entry.get("Name"):
            found.setdefault(text(entry["Name"]), text(entry.get("NewValue")))
    return found
