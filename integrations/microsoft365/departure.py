"""The end of our own access to a client's tenant, by the application itself: its last call to Graph deletes it there.

Sources (learn.microsoft.com/graph/api): application-delete, serviceprincipal-delete, application-list, serviceprincipal-list. Deleting a registration
deletes the service principal of its own tenant with it. Both lie in the tenant's recycle bin for 30 days, from where its administrators can bring
them back, or take them at once. Permission: Application.ReadWrite.All.

Tokens that were issued before live on for up to an hour.
"""

from __future__ import annotations

from typing import Final

from integrations.microsoft365._read import text
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import Prepared
from tenantry.errors import TargetNotFound

__all__ = ["NEEDED", "Departure"]

NEEDED: Final = "Application.ReadWrite.All"


class Departure:
    """Of one application in one tenant.

    Args:
        graph: signs in as that application.
    """

    def __init__(self, graph: Graph, client_id: str) -> None:
        self._graph = graph
        self._client_id = client_id

    async def can(self) -> bool:
        """Whether there is something of it in the directory. Raises ProviderError."""
        return await self._place() is not None

    async def leave(self) -> None:
        """Delete it; what is not there (any more) counts as deleted. Raises ProviderError, InDoubt."""
        place = await self._place()
        if place is None:
            return
        try:
            await self._graph.send(Prepared("DELETE", f"{self._graph.base_url}/v1.0{place}", {}, b""), needs=NEEDED)
        except TargetNotFound:
            return

    async def _place(self) -> str | None:
        """The registration where this tenant has it, else the service principal."""
        params = {"$filter": f"appId eq '{self._client_id}'", "$select": "id,appId"}
        for kind in ("applications", "servicePrincipals"):
            rows = [row async for row in self._graph.rows(f"/{kind}", params=params, needs=NEEDED)]
            if len(rows) == 1:
                return f"/{kind}/{segment(text(rows[0].get('id')))}"
        return None
