"""What goes over the wire while something is measured, by kind, and the fewest requests that would ask the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from integrations.http import Limits
from integrations.microsoft365.exchange import BATCHES
from integrations.microsoft365.gathering import BATCH_SIZE as QUESTIONS

__all__ = ["Asked", "again", "listened", "note"]

_PAGE: Final = 1_000
_CMDLETS: Final = 10
"""That Exchange takes in one batch."""
_HEADERS: Final = ("authorization", "content-type", "prefer", "x-anchormailbox", "x-responseformat", "consistencylevel")
_TOKEN: Final = re.compile(r"[?&](\$|%24)skiptoken=[^&]*")


@dataclass
class Asked:
    """What went over the wire, by kind."""

    calls: int = 0
    singles: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Version of Graph → different first requests of lists and objects."""
    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """List → rows that its pages held."""
    batched: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Address of a batch → different questions in it."""
    cmdlets: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    sent: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    """Method, address, headers and body of each, in order."""

    def least(self, *, all_in_batches: bool = False) -> int:
        """The fewest requests that ask all of it.

        Args:
            all_in_batches: first pages, single objects and single cmdlets as well; of one client's requests only.
        """
        following = sum(math.ceil(rows / _PAGE) - 1 for rows in self.rows.values() if rows)
        packed = {where: len(of) for where, of in self.batched.items()}
        alone = sum(map(len, self.singles.values())) + len(self.cmdlets)
        if all_in_batches:
            alone = 0
            for version, of in self.singles.items():
                where = next((one for one in packed if f"/{version}/$batch" in one), version)
                packed[where] = packed.get(where, 0) + len(of)
            where = next((one for one in packed if "/adminapi/" in one), "/adminapi/")
            packed[where] = packed.get(where, 0) + len(self.cmdlets)
        batches = sum(math.ceil(n / (_CMDLETS if "/adminapi/" in where else QUESTIONS)) for where, n in packed.items())
        return following + len(self.others) + alone + batches


@contextlib.contextmanager
def listened() -> Iterator[Asked]:
    """Every request that httpx sends while the block lasts, with the rows of its answer."""
    asked = Asked()
    original = httpx.AsyncHTTPTransport.handle_async_request

    async def handle(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        response = await original(self, request)
        text = await response.aread()
        note(asked, request, text)
        return httpx.Response(response.status_code, headers=response.headers, stream=_Read(response, text))

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]  # put back below
    try:
        yield asked
    finally:
        httpx.AsyncHTTPTransport.handle_async_request = original  # type: ignore[method-assign]  # as above


class _Read(httpx.AsyncByteStream):
    """An answer that was read already."""

    def __init__(self, response: httpx.Response, text: bytes) -> None:
        self._response = response
        self._text = text

    async def __aiter__(self) -> Any:
        yield self._text

    async def aclose(self) -> None:
        await self._response.aclose()


def note(asked: Asked, request: httpx.Request, text: bytes) -> None:
    """Count one request.

    Args:
        text: of its answer.
    """
    asked.calls += 1
    headers = {name: value for name, value in request.headers.items() if name.lower() in _HEADERS}
    asked.sent.append((request.method, str(request.url), headers, request.content))
    url = request.url.copy_with(query=None)
    where, path = str(url), str(request.url)
    if where.endswith("/$batch"):
        for one in json.loads(request.content)["requests"]:
            asked.batched[where].add(json.dumps([one["method"], one["url"], one.get("body")], sort_keys=True))
    elif "/InvokeCommand" in where:
        asked.cmdlets.add(f"{where} {request.content.decode()}")
    elif request.method == "GET" and "/graph/" in where:
        family = _TOKEN.sub("", path)
        version = "beta" if "/graph/beta/" in where else "v1.0"
        asked.singles[version].add(family)
        value = json.loads(text).get("value")
        asked.rows[family] += len(value) if isinstance(value, list) else 0
    else:
        asked.others.add(f"{request.method} {path} {request.content!r}")


async def again(asked: Asked, at_a_time: int | None = None) -> float:
    """Send the same requests once more by plain httpx, with nothing parsed and nothing waiting for another's answer but as many
    batches at Exchange as the provider has under way there; seconds.

    Args:
        at_a_time: as many as the provider sends to one client when omitted.
    """
    wide = at_a_time or Limits().concurrency
    free, exchange = asyncio.Semaphore(wide), asyncio.Semaphore(BATCHES)
    limits = httpx.Limits(max_connections=wide, max_keepalive_connections=wide)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:

        async def one(method: str, url: str, headers: dict[str, str], content: bytes) -> None:
            async with exchange if "/adminapi/" in url and url.endswith("/$batch") else contextlib.nullcontext(), free:
                (await client.request(method, url, headers=headers, content=content)).raise_for_status()

        begun = time.perf_counter()
        await asyncio.gather(*(one(*sent) for sent in asked.sent))
        return time.perf_counter() - begun
