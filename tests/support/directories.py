"""Several directories behind one address, as Microsoft has them: sign-in and Exchange name the directory in the address, Graph knows it by the
token alone. So a token of one client that is used for another reaches the one whose it is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

from integrations.lab import Lab
from integrations.microsoft365.auth import unverified_claims

_NAMED = re.compile(r"/(?:login|exchange/adminapi/[^/]+)/([^/]+)/")


class Directories:
    """Stands where a lab's server expects a lab: an application, and the connections that faults cut."""

    def __init__(self, labs: Iterable[Lab]) -> None:
        self._labs = {lab.tenant_id: lab for lab in labs}
        self.app = self
        self.connections: dict[tuple[str, int], asyncio.Transport] = {}
        for lab in self._labs.values():
            lab.app.connections = self.connections

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        named = _NAMED.match(scope["path"])
        tenant = named[1] if named else self._of_token(dict(scope["headers"]).get(b"authorization", b"").decode())
        await self._labs.get(tenant, next(iter(self._labs.values()))).app(scope, receive, send)

    @staticmethod
    def _of_token(header: str) -> str:
        return str(unverified_claims(header.removeprefix("Bearer ")).get("tid", ""))
