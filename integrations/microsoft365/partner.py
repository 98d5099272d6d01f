"""The MSP as a Microsoft partner: delegated relationships with its customers (GDAP).

Sources (learn.microsoft.com/graph/api): tenantrelationship-list-delegatedadminrelationships,
tenantrelationship-post-delegatedadminrelationships, delegatedadminrelationship-post-requests. Application permission
DelegatedAdminRelationship.ReadWrite.All in the partner's own tenant, where the service principal "Partner Customer Delegated Administration"
(2832473f-ec63-45fb-976f-5d45a7d4bb91) has to be provisioned.

Creating is not repeated where its answer never came: the list, by customer, says whether it was done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from integrations.microsoft365._read import text
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import Prepared
from tenantry.errors import VendorFault

__all__ = ["Partner", "Relationship", "approval_address"]

_NEEDS: Final = "DelegatedAdminRelationship.ReadWrite.All"
_PATH: Final = "/tenantRelationships/delegatedAdminRelationships"
_ALIVE: Final = ("active", "activating", "approved", "approvalPending", "created")
"""Those that are or may become good, the furthest first."""


_ENDED: Final = ("terminated", "expired")
_ENDABLE: Final = ("active", "activating", "expiring")


class Relationship(BaseModel):
    """A relationship with one customer.

    Attributes:
        status: the vendor's word.
        roles: ids of the roles that it gives.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    status: str
    roles: frozenset[str]

    @property
    def endable(self) -> bool:
        """In force, so that the partner can ask for its end."""
        return self.status in _ENDABLE


def approval_address(relationship: str) -> str:
    """Where a Global Administrator of the customer approves it."""
    return (
        f"https://admin.microsoft.com/AdminPortal/Home#/partners/invitation/granularAdminRelationships/{relationship}"
    )


class Partner:
    """Of the partner's own tenant.

    Args:
        graph: of that tenant.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def relationship(self, customer: str) -> Relationship | None:
        """The one with a customer that has come furthest; None where there is none that lives. Raises ProviderError."""
        found = [
            _relationship(row)
            async for row in self._graph.rows(_PATH, needs=_NEEDS)
            if text((row.get("customer") or {}).get("tenantId")).lower() == customer.lower()
        ]
        living = [one for one in found if one.status in _ALIVE]
        return min(living, key=lambda one: _ALIVE.index(one.status), default=None)

    async def propose(self, wanted: Mapping[str, Any]) -> Relationship:
        """Create one. Raises InDoubt, ProviderError."""
        made = await self._post(_PATH, wanted)
        if not made.get("id"):
            raise VendorFault("graph made a relationship and did not say which", vendor="microsoft365")
        return _relationship(made)

    async def hand_over(self, relationship: str) -> None:
        """Lock it and hand it to the customer for approval. Raises InDoubt, ProviderError."""
        await self._post(f"{_PATH}/{segment(relationship)}/requests", {"action": "lockForApproval"})

    async def standing(self, customer: str) -> list[Relationship]:
        """Every one with a customer that is not at its end. What has a status that nobody knows counts. Raises ProviderError."""
        found = [
            _relationship(row)
            async for row in self._graph.rows(_PATH, needs=_NEEDS)
            if text((row.get("customer") or {}).get("tenantId")).lower() == customer.lower()
        ]
        return [one for one in found if one.status not in _ENDED]

    async def end(self, customer: str) -> None:
        """Ask for the end of each that is in force; the roles are gone within minutes, and the status says when. What was asked for before is not
        asked again. Raises InDoubt, ProviderError."""
        for one in await self.standing(customer):
            if one.endable:
                await self._post(f"{_PATH}/{segment(one.id)}/requests", {"action": "terminate"})

    async def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        prepared = Prepared(
            "POST",
            f"{self._graph.base_url}/v1.0{path}",
            {"Content-Type": "application/json"},
            json.dumps(body).encode(),
        )
        found = await self._graph.send(prepared, needs=_NEEDS)
        return found if isinstance(found, dict) else {}


def _relationship(row: Mapping[str, Any]) -> Relationship:
    roles = (row.get("accessDetails") or {}).get("unifiedRoles") or ()
    return Relationship(
        id=text(row.get("id")),
        name=text(row.get("displayName")),
        status=text(row.get("status")),
        roles=frozenset(text(role.get("roleDefinitionId")) for role in roles),
    )
