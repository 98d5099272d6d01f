"""Where messages end: mail sent through Graph, and mail and chat posted by a messenger.

A key makes a message unique: the same key again is refused (409) and noted, so that a check can tell an attempt from a message.
"""

from __future__ import annotations

import hmac
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from integrations.lab.clock import iso7
from integrations.lab.web import Answer, Request

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

_FIELDS = {"key": str, "channel": str, "to": list, "subject": str, "text": str}


class Sink:
    """The messages that arrived."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.messages: list[dict[str, Any]] = []
        self.duplicates: list[dict[str, Any]] = []
        """Attempts to post a key again: ``{key, at}``."""
        self._keys: dict[str, dict[str, Any]] = {}

    def reset(self) -> None:
        """Empty it."""
        self.messages.clear()
        self.duplicates.clear()
        self._keys.clear()

    def mailed(self, sender: str, to: list[str], subject: str, text: str, key: str, at: datetime) -> None:
        """Mail that came through Graph; its key is the internet message id."""
        self._keep({"key": key, "channel": "mail", "from": sender, "to": to, "subject": subject, "text": text}, at)

    def answer(self, request: Request) -> Answer:
        """Answer a request whose path begins with ``/sink/``."""
        if request.path.rstrip("/") != "/sink/messages":
            return Answer(404, {"error": "not_found"})
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self._lab.sink_token.encode()):
            return Answer(401, {"error": "unauthorized"})
        if request.method == "GET":
            key = request.query.get("key")
            found = self.messages if key is None else [self._keys[key]] if key in self._keys else []
            return Answer(200, {"value": found})
        if request.method != "POST":
            return Answer(405, {"error": "method_not_allowed"})
        return self._post(request)

    def _post(self, request: Request) -> Answer:
        try:
            body = json.loads(request.body)
        except ValueError:
            return Answer(400, {"error": "not_json"})
        if not isinstance(body, dict) or set(body) != set(_FIELDS):
            return Answer(400, {"error": "invalid_fields", "expected": sorted(_FIELDS)})
        wrong = sorted(name for name, kind in _FIELDS.items() if not isinstance(body[name], kind))
        if wrong:
            return Answer(400, {"error": "invalid_type", "fields": wrong})
        if not body["key"] or body["channel"] not in ("mail", "chat"):
            return Answer(400, {"error": "invalid_value", "fields": ["key", "channel"]})
        if (not body["to"] and body["channel"] == "mail") or not all(isinstance(to, str) and to for to in body["to"]):
            return Answer(400, {"error": "invalid_value", "fields": ["to"]})
        now = self._lab.now()
        if body["key"] in self._keys:
            self.duplicates.append({"key": body["key"], "at": iso7(now)})
            return Answer(409, {"error": "already_there", "id": self._keys[body["key"]]["id"]})
        kept = self._keep(body, now)
        after = {name: body[name] for name in ("channel", "to", "subject")}
        self._lab.wrote("sink", "POST", f"messages/{body['key']}", None, after, "sink-token")
        return Answer(201, kept)

    def _keep(self, body: dict[str, Any], at: datetime) -> dict[str, Any]:
        kept = {"id": self._lab.dice.guid("sink", len(self.messages)), "accepted_at": iso7(at), **body}
        self.messages.append(kept)
        self._keys[body["key"]] = kept
        return kept
