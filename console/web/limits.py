"""What one caller may cost: how often, how much, how long."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request

from tenantry.broker.limit import Buckets, Rate
from tenantry.errors import InvalidInput, RateLimited

__all__ = ["Callers", "TooLarge", "TooSlow", "body"]

_SLOWEST: Final = 60.0
"""Seconds for a whole body: one MiB over a bad connection."""


class TooLarge(InvalidInput):
    """A body beyond what is taken there."""

    code = "too_large"
    remedy = "Send less."


class TooSlow(InvalidInput):
    """A body that did not come in time."""

    code = "too_slow"
    remedy = "Send it again, faster."


class Callers:
    """A bucket for each caller's address, an IPv6 caller being their network of 64 bits (RFC 4291, 2.5.4).

    Args:
        rate: what one may do.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] | None = None) -> None:
        self._buckets = Buckets(rate) if clock is None else Buckets(rate, clock)

    def admit(self, request: Request) -> None:
        """Raises RateLimited."""
        wait = self._buckets.take(_caller(request))
        if wait:
            raise RateLimited("too many requests from there", retry_after=wait)

    def look(self, request: Request) -> None:
        """As `admit`, without counting. Raises RateLimited."""
        wait = self._buckets.look(_caller(request))
        if wait:
            raise RateLimited("too many requests from there", retry_after=wait)


def _caller(request: Request) -> str:
    text = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped is not None else str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


async def body(request: Request, most: int, *, seconds: float = _SLOWEST) -> bytes:
    """A request's body.

    Args:
        most: bytes; one that is longer is refused as soon as that is known.
        seconds: for all of it.

    Raises:
        TooLarge, TooSlow. InvalidInput: it did not come whole.
    """
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or int(said[:12]) > most:
        raise TooLarge(f"at most {most} bytes", place="body")
    found = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                found += piece
                if len(found) > most:
                    raise TooLarge(f"at most {most} bytes", place="body")
    except TimeoutError:
        raise TooSlow(f"it did not come within {seconds:g} s", place="body") from None
    except ClientDisconnect:
        raise InvalidInput("it did not come whole", place="body") from None
    return bytes(found)
