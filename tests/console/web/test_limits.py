"""Who counts as one caller."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.requests import Request

from console.web.limits import Callers, TooLarge, TooSlow, body
from tenantry.broker.limit import Rate
from tenantry.errors import RateLimited


def request(address: str | None, **headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "client": (address, 1) if address else None, "headers": named})


def allowed(*addresses: str | None) -> list[bool]:
    callers = Callers(Rate(burst=1, per_second=0.001), lambda: 0.0)
    found = []
    for address in addresses:
        try:
            callers.admit(request(address, x_forwarded_for="203.0.113.9"))
        except RateLimited:
            found.append(False)
        else:
            found.append(True)
    return found


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        (None, None, True),
    ],
)
def test_one_caller_or_two(first: str | None, second: str | None, same: bool) -> None:
    assert allowed(first, second) == [True, not same]


def sending(*pieces: bytes) -> Request:
    """A request whose body is these pieces, and then nothing for ever."""
    left = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]

    async def receive() -> Mapping[str, Any]:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return Request({"type": "http", "headers": []}, receive)  # type: ignore[arg-type]  # as much of it as is used


async def test_a_body_that_comes_slowly_is_given_up() -> None:
    with pytest.raises(TooSlow):
        await body(sending(b"{"), 100, seconds=0.01)


async def test_a_body_that_grows_too_long_is_not_waited_for() -> None:
    with pytest.raises(TooLarge):
        await body(sending(b"x" * 60, b"x" * 60), 100)
