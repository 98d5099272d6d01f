"""What a connection may cost before there is a request: uvicorn itself waits for ever for headers, and takes any number from one address.

A sender that says the beginning of a request and then nothing holds a connection, of which there are few; some hundred such would keep
every vendor out. So headers have their time, as bodies have (`console.web.limits`), and one address has so many connections.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["EACH", "HEADERS_S", "Prompt", "behind"]

HEADERS_S: Final = 10.0
"""Seconds for the headers of a request, from the connection or from the end of the one before."""
EACH: Final = 64
"""Connections of one address at the same time: a vendor sends from a few, over a few connections each."""
_open: Counter[str] = Counter()


class Prompt(H11Protocol):
    """uvicorn's HTTP/1.1 with these limits: 408 for headers that do not come, 429 for an address that has too many connections."""

    _deadline: asyncio.TimerHandle | None = None
    _address: str | None = None
    proxies: ClassVar[frozenset[str]] = frozenset()
    """Addresses that stand for many callers and are not limited as one (`behind`)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """As uvicorn's, within the limits."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        _open[self._address] += 1
        if _open[self._address] > EACH and self._address not in self.proxies:
            self._refuse(b"429 Too Many Requests", b"Retry-After: 1\r\n")
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """As uvicorn's."""
        if self.transport.is_closing():
            return  # it was told to go
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self._address is not None:
            _open[self._address] -= 1
            if not _open[self._address]:
                del _open[self._address]
        super().connection_lost(exc)

    def _watch(self) -> None:
        """The clock runs while a request is waited for, and begins anew with none of its bytes."""
        waiting = self.cycle is None or self.cycle.response_complete
        if waiting and self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_S, self._late)
        elif not waiting and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes, more: bytes = b"") -> None:
        self.transport.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n" + more + b"\r\n")
        self.transport.close()


def behind(proxies: Iterable[str]) -> type[Prompt]:
    """The same with reverse proxies before it: the connections of these addresses are as many as the server takes in all.

    Headers have their time from a proxy too, and what callers may ask is counted by the address that the proxy names.
    """

    class Behind(Prompt):
        pass

    Behind.proxies = frozenset(proxies)
    return Behind
