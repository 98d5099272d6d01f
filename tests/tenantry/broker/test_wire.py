"""Frames, and errors that keep their class across the socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.broker.wire import LENGTH, MAX_FRAME, decode, encode, error_in, error_out, pack, unpack
from tenantry.errors import InvalidInput, NotFound, OutOfScope, RateLimited, SecretUnreadable, TenantryError


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_a_frame(message: dict[str, object]) -> None:
    frame = encode(message)
    assert LENGTH.unpack(frame[:4])[0] == len(frame) - 4
    assert decode(frame[4:]) == message


@given(st.binary(max_size=200))
def test_bytes(value: bytes) -> None:
    assert unpack(pack(value)) == value


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_message(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode(body)


@pytest.mark.parametrize("text", ["*", 7, None, "a"])
def test_what_is_not_base64(text: object) -> None:
    with pytest.raises(InvalidInput):
        unpack(text)


def test_too_long() -> None:
    with pytest.raises(InvalidInput):
        encode({"value": "x" * MAX_FRAME})


@pytest.mark.parametrize(
    "error",
    [
        OutOfScope("no"),
        NotFound("nothing", place="NAME", remedy="look again"),
        SecretUnreadable("damaged", tenant="acme"),
        RateLimited("slower", retry_after=2.5),
    ],
)
def test_an_error_keeps_its_class(error: TenantryError) -> None:
    found = error_in(error_out(error)["error"])
    assert type(found) is type(error)
    assert (found.message, found.remedy, found.detail) == (error.message, error.remedy, error.detail)
    assert str(found) == error.message
    if isinstance(error, RateLimited):
        assert isinstance(found, RateLimited)
        assert found.retry_after == 2.5


def test_an_unknown_error() -> None:
    assert type(error_in({"code": "from_the_future", "message": "x"})) is TenantryError
