"""A transport for many requests at once: connections in lanes of one, instead of one pool of many.

httpcore's pool looks through all of its connections, with a system call for each, whenever a request begins or ends; with
sixteen of them that is half of the CPU time of a small request. Here a request takes the lane to its host that was used
last, so the search has one element and as few connections as possible are kept warm.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

__all__ = ["Lanes"]

_Origin = tuple[str, str, int | None]


class Lanes(httpx.AsyncBaseTransport):
    """Hands each request to a free lane, opening one when there is none. The caller limits how many are under way: that
    many lanes exist at most for each host.

    Args:
        verify: the TLS context, or whether to verify.
        idle: seconds for which an unused connection may be used again.
        lane: makes a lane, for tests.
    """

    def __init__(
        self, verify: ssl.SSLContext | bool, idle: float, lane: Callable[[], httpx.AsyncBaseTransport] | None = None
    ) -> None:
        self._verify = verify
        self._idle = idle
        self._lane = lane or self._open
        self._all: list[httpx.AsyncBaseTransport] = []
        self._free: dict[_Origin, list[httpx.AsyncBaseTransport]] = {}

    def _open(self) -> httpx.AsyncBaseTransport:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=self._idle)
        return httpx.AsyncHTTPTransport(verify=self._verify, trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx's own transport. The lane is free again when the answer is closed."""
        url = request.url
        free = self._free.setdefault((url.scheme, url.host, url.port), [])
        if free:
            lane = free.pop()
        else:
            lane = self._lane()
            self._all.append(lane)
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            await self._drop(lane)
            raise
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Returning(
                response.stream, whole=lambda: free.append(lane), broken=lambda: self._drop(lane)
            )
        else:
            free.append(lane)  # an answer that is here already, of a transport of tests
        return response

    async def _drop(self, lane: httpx.AsyncBaseTransport) -> None:
        """Never use this lane again: a request cancelled while it waits for httpcore's connection leaves that connection
        neither idle nor closed, so that whoever comes next would wait for it until the timeout."""
        if lane in self._all:
            self._all.remove(lane)
            await lane.aclose()

    async def aclose(self) -> None:
        """Close every connection. May be called twice."""
        lanes, self._all = self._all, []
        self._free.clear()
        for lane in lanes:
            await lane.aclose()


class _Returning(httpx.AsyncByteStream):
    """An answer's body that gives its lane back, once, when it is closed; or drops it, when closing it failed."""

    def __init__(
        self, inner: httpx.AsyncByteStream, whole: Callable[[], None], broken: Callable[[], Awaitable[None]]
    ) -> None:
        self._inner = inner
        self._whole = whole
        self._broken = broken
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            yield part

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await self._inner.aclose()
        except BaseException:
            await self._broken()
            raise
        self._whole()
