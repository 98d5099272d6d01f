"""Requests and answers inside the lab, independent of how they travel.

A ``$batch`` item, a request over HTTP and a request in process become the same ``Request`` and yield the same ``Answer``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from tenantry.errors import Rejected

_PLAIN: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
"""JSON's own types and no others: a time that nobody wrote as its service does is a mistake, and stays one."""


@dataclass(slots=True)
class Request:
    """One request, parsed. ``path`` is decoded and begins with a slash; ``headers`` have lower-case names."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    base: str
    """Scheme and authority under which the client reached the lab, without a slash at the end."""
    ordinal: str = "0"


@dataclass(slots=True)
class Answer:
    """One answer. ``payload`` is sent as JSON, ``raw`` as it is; with neither the body is empty."""

    status: int
    payload: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json"

    def body(self) -> bytes:
        """The bytes to send."""
        if self.raw is not None:
            return self.raw
        if self.payload is None:
            return b""
        return written(self.payload)


def written(value: Any) -> bytes:
    """JSON without spaces, as UTF-8. The fast writer refuses integers of more than 64 bits, which the other takes."""
    try:
        return orjson.dumps(value, option=_PLAIN)
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Refusal(Rejected):
    """The stand-in service refuses a request; carries the answer to send."""

    def __init__(self, answer: Answer, message: str = "refused") -> None:
        super().__init__(message, status=answer.status)
        self.answer = answer
