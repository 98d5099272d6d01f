"""Tokens: what is signed is what is read, and nothing else."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.broker.tokens import LIFE, Grant, read, sign
from tenantry.errors import NotAuthenticated
from tenantry.journal.lease import this_process

KEY = b"k" * 32


def test_a_token_is_its_grant() -> None:
    grant = Grant.make("run", run="r-1", tenant="acme", pid=os.getpid())
    assert grant.owner == this_process()
    assert read(sign(grant, KEY), KEY) == grant


def test_nobody_elses_key() -> None:
    with pytest.raises(NotAuthenticated):
        read(sign(Grant.make("reader"), b"x" * 32), KEY)


def test_it_expires_and_lives_at_most_so_long() -> None:
    grant = Grant.make("reader", life=10**9)
    assert grant.until < time.time() + 7 * LIFE + 1
    with pytest.raises(NotAuthenticated):
        read(sign(replace(grant, until=time.time() - 1), KEY), KEY)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_changed_byte(place: int, by: int) -> None:
    token = bytearray(sign(Grant("i", "run", "r", "acme", None, 4e9), KEY).encode())
    token[place % len(token)] ^= by
    text = token.decode("latin-1")
    try:
        assert read(text, KEY) == Grant("i", "run", "r", "acme", None, 4e9)  # base64 has spare bits at its end
    except NotAuthenticated:
        return


@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        read(text, KEY)
