"""What the stand for AWS answers."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. ``length``: what Content-Length says, when it is not the truth."""

    status: int
    body: bytes = b""
    content_type: str = "text/xml"
    length: int | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def json(cls, payload: Any, status: int = 200) -> Reply:
        return cls(status, json.dumps(payload).encode(), "application/x-amz-json-1.1")

    @classmethod
    def json_error(cls, status: int, code: str) -> Reply:
        return cls(
            status,
            json.dumps({"__type": code, "message": "canary-vendor-text"}).encode(),
            "application/x-amz-json-1.1",
            headers=(("x-amzn-errortype", code),),
        )

    @classmethod
    def query_error(cls, status: int, code: str) -> Reply:
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>canary-vendor-text</Message></Error>"
            f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
        )
        return cls(status, text.encode())

    @classmethod
    def ec2_error(cls, status: int, code: str) -> Reply:
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>canary-vendor-text</Message></Error></Errors>"
            f"<RequestID>{uuid.uuid4()}</RequestID></Response>"
        )
        return cls(status, text.encode())

    @classmethod
    def html(cls, status: int) -> Reply:
        return cls(status, b"<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>", "text/html")
