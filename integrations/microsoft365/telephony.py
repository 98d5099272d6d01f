"""``telephony`` for Microsoft 365: numbers of Teams.

======== =================================== =====================================================================================
method   permission                          page (learn.microsoft.com/graph/api/…)
======== =================================== =====================================================================================
numbers  TeamsTelephoneNumber.ReadWrite.All  teamsadministration-telephonenumbermanagementroot-list-numberassignments
unassign TeamsTelephoneNumber.ReadWrite.All  teamsadministration-numberassignment-unassignnumber
assign   TeamsTelephoneNumber.ReadWrite.All  teamsadministration-numberassignment-assignnumber
======== =================================== =====================================================================================

Known limits:
    - The worldwide cloud alone has this.
    - A number that Active Directory gives (``numberSource`` onPremises) is taken away there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from integrations.microsoft365._read import text
from integrations.microsoft365.graph import Graph
from integrations.microsoft365.sdk import Prepared
from tenantry.capabilities.telephony import PhoneNumber

__all__ = ["Microsoft365Telephony"]

_NEEDS: Final = "TeamsTelephoneNumber.ReadWrite.All"
_PATH: Final = "/admin/teams/telephoneNumberManagement/numberAssignments"


class Microsoft365Telephony:
    """Implements :class:`tenantry.capabilities.Telephony`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def numbers(self, account_id: str) -> Sequence[PhoneNumber]:
        """By the directory's id; what else the vendor's filter lets through is left out."""
        wanted = {"$filter": f"assignmentTargetId eq '{account_id.replace(chr(39), chr(39) * 2)}'"}
        rows = await self._graph.whole(_PATH, params=wanted, needs=_NEEDS)
        return [_number(row) for row in rows if text(row.get("assignmentTargetId")).lower() == account_id.lower()]

    async def unassign(self, number: PhoneNumber) -> None:
        """An order of the vendor's."""
        await self._order("unassignNumber", telephoneNumber=number.number, numberType=number.kind)

    async def assign(self, number: PhoneNumber, account_id: str) -> None:
        """Likewise; with the address for emergency calls that it had."""
        where = {} if number.location is None else {"locationId": number.location}
        facts = {"telephoneNumber": number.number, "numberType": number.kind, "assignmentCategory": number.category}
        await self._order("assignNumber", **facts, assignmentTargetId=account_id, **where)

    async def _order(self, action: str, **facts: Any) -> None:
        url = f"{self._graph.base_url}/v1.0{_PATH}/{action}"
        headers = {"Content-Type": "application/json"}
        await self._graph.send(Prepared("POST", url, headers, json.dumps(facts).encode()), needs=_NEEDS)


def _number(row: dict[str, Any]) -> PhoneNumber:
    return PhoneNumber(
        number=text(row.get("telephoneNumber")),
        kind=text(row.get("numberType")),
        category=text(row.get("assignmentCategory")) or "primary",
        location=text(row.get("locationId")) or None,
        raw=row,
    )
