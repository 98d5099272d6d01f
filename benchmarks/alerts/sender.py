"""Whoever sends alerts: many messages over a few connections, each timed, with as little work of its own as can be."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["TOKEN", "Sent", "alert", "send"]

TOKEN: Final = "bench-token-of-no-worth"
_MOST: Final = 50
"""Times that one message is sent again when it is told to wait."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message: the last answer's status, its ids, and seconds from the first byte to the last answer."""

    status: int
    ids: tuple[str, ...]
    seconds: float
    waits: int


def alert(uid: str, account: str, kind: str = "bench", severity: str = "high") -> bytes:
    """A message of the source that `benchmarks.alerts.stage` registers."""
    body = {
        "id": uid,
        "title": f"Something was found on {account}",
        "severity": severity,
        "category": kind,
        "createdDateTime": "2026-11-20T09:00:00Z",
        "evidence": [{"userAccount": {"userPrincipalName": account}}],
    }
    return json.dumps(body).encode()


async def send(url: str, messages: Sequence[bytes], connections: int) -> list[Sent]:
    """Every message, in order over so many connections; one that is told to wait is sent again."""
    at = urlsplit(url)
    left = list(reversed(list(enumerate(messages))))
    found: list[Sent | None] = [None] * len(messages)

    async def one() -> None:
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        try:
            while left:
                number, body = left.pop()
                head = (
                    f"POST {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: application/json\r\n"
                    f"X-Alert-Token: {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
                ).encode()
                began, waits = time.perf_counter(), 0
                while True:
                    writer.write(head + body)
                    status, answer, wait = await _answer(reader)
                    if status not in (429, 503) or waits == _MOST:
                        break
                    waits += 1
                    await asyncio.sleep(wait)
                ids = tuple(one["id"] for one in answer.get("alerts", ())) if status == 202 else ()
                found[number] = Sent(status, ids, time.perf_counter() - began, waits)
        finally:
            writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return [one for one in found if one is not None]


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any], float]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
    body = await reader.readexactly(int(fields["content-length"]))
    said = json.loads(body) if fields.get("content-type", "").startswith("application/json") else {}
    return int(head[0].split()[1]), said, float(fields.get("retry-after", 0))
