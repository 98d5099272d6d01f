"""``messenger`` over a plain HTTP sink: ``POST /messages`` takes a message, ``GET /messages?key=`` finds it.

Used with the lab, so that a run there can send messages and a check can see them. The sink keeps one message for each key and answers 409 to
a second one: that counts as sent. A send without an answer is InDoubt; asking for the key settles it.

Needs: the sink's bearer token, secret ``token``.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from integrations.bearer import TokenHeader
from integrations.http import Answer, Http, refused
from tenantry.capabilities import Channel, Message
from tenantry.errors import PermissionMissing, Rejected, TenantryError, VendorFault

__all__ = ["SinkMessenger"]


class SinkMessenger:
    """Implements :class:`tenantry.capabilities.Messenger`.

    Args:
        http: the client.
        authorizer: the sink's token.
        base_url: what ``/messages`` is appended to.
    """

    def __init__(self, http: Http, authorizer: TokenHeader, base_url: str) -> None:
        self._http = http
        self._authorizer = authorizer
        self._url = f"{base_url.rstrip('/')}/messages"

    async def sent(self, key: str, channel: Channel = "mail") -> bool | None:  # noqa: ARG002  # it keeps them together
        """Whether the sink has a message of this key."""
        answer = await self._http.read(
            "GET", f"{self._url}?key={quote(key, safe='')}", authorizer=self._authorizer, dialect=_refused
        )
        rows = answer.data.get("value") if isinstance(answer.data, dict) else None
        if not isinstance(rows, list):
            raise VendorFault("the sink answered without messages", vendor=self._http.vendor, **answer.ids)
        return any(isinstance(row, dict) and row.get("key") == key for row in rows)

    async def send(self, message: Message) -> None:
        """Send once. Raises InDoubt when the answer never came."""
        body: dict[str, Any] = {
            "key": message.key,
            "channel": message.channel,
            "to": list(message.to),
            "subject": message.subject,
            "text": message.text,
        }
        try:
            await self._http.write(
                "POST", self._url, content=json.dumps(body).encode(), authorizer=self._authorizer, dialect=_refused
            )
        except Rejected as refusal:
            if refusal.detail.get("status") != 409:
                raise


def _refused(answer: Answer, what: str) -> TenantryError:
    if answer.status == 403:
        return PermissionMissing(f"the sink does not permit {what}", status=answer.status, **answer.ids)
    return refused(answer, what)
