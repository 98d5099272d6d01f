"""A directory of one account in the place of Microsoft's, for a process that rehearses (`flows.rehearsal`): real connections to a loopback
socket of its own, so that everything on the way to a vendor has been done once, and nobody is reached."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any, Final

from integrations.microsoft365.provider import VENDOR

__all__ = ["ACCOUNT", "nobody"]

ACCOUNT: Final = "nobody@rehearsal.invalid"
"""The account. RFC 6761: there is none by that name anywhere."""
_HEAD: Final = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
_ID: Final = str(uuid.UUID(int=1))


@contextlib.asynccontextmanager
async def nobody() -> AsyncIterator[dict[str, Any]]:
    """As long as the block lasts, the entry under ``providers`` of a tenant's file that leads there; its secret is asked for under
    the name ``client_secret``."""
    directory = _Directory()
    server = await asyncio.start_server(directory.answer, "127.0.0.1", 0)
    try:
        base = "http://{}:{}".format(*server.sockets[0].getsockname())
        settings = {"tenant_id": _ID, "client_id": _ID, "login_url": base, "graph_url": base, "exchange_url": base}
        yield {"vendor": VENDOR, "settings": settings}
    finally:
        server.close()


class _Directory:
    def __init__(self) -> None:
        self._enabled = True

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: requests of which each has an answer."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *fields = head.decode("latin-1").lower().split("\r\n")
                length = next((int(one.partition(":")[2]) for one in fields if one.startswith("content-length:")), 0)
                method, path, _ = line.split(" ")
                body = await reader.readexactly(length)
                told = json.dumps(self._told(method, path, body)).encode()
                writer.write(_HEAD.format(len(told)).encode() + told)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the rehearsal is over
        finally:
            writer.close()

    def _told(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        if path.endswith("/token"):
            return {"access_token": "of no worth", "token_type": "Bearer", "expires_in": 3600}
        if path.endswith("/$batch"):
            asked = json.loads(body)["requests"]
            return {
                "responses": [
                    {"id": one["id"], "status": 200, "body": self._told(one["method"].lower(), one["url"].lower(), b"")}
                    for one in asked
                ]
            }
        if method == "patch":
            self._enabled = False
            return {}
        if "/users/" in path and "/transitivememberof" not in path:
            return {"id": _ID, "userPrincipalName": ACCOUNT, "displayName": "Nobody", "accountEnabled": self._enabled}
        return {"value": []}
