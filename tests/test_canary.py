"""The search for secrets finds what it must: otherwise a clean result would mean nothing."""

from __future__ import annotations

import base64
import gzip
import pickle
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.canary import leaks, needles

SECRET = "c4n4ry/Secret+value=äö~42"

HIDING: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda s: b"log line with " + s,
    "utf16": lambda s: s.decode().encode("utf-16"),
    "base64": lambda s: base64.b64encode(b"Basic user:" + s),
    "urlsafe": lambda s: base64.urlsafe_b64encode(b"ab" + s),
    "hex": lambda s: s.hex().encode(),
    "gzip": lambda s: gzip.compress(b"x" * 100 + s),
    "zlib": lambda s: b"head" + zlib.compress(s * 3),
    "pickle": lambda s: pickle.dumps({"password": s.decode()}),
    "pickle in gzip in base64": lambda s: base64.b64encode(gzip.compress(pickle.dumps([s.decode()]))),
}


@pytest.mark.parametrize("how", HIDING)
def test_finds_each_hiding_place(how: str, tmp_path: Path) -> None:
    (tmp_path / "clean.log").write_bytes(b"nothing here" * 50)
    assert leaks(tmp_path, {"canary": SECRET}) == []
    (tmp_path / "found.bin").write_bytes(HIDING[how](SECRET.encode()))
    assert leaks(tmp_path, {"canary": SECRET}) == ["canary in found.bin"]


def test_finds_a_cell_that_spans_overflow_pages(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db.sqlite") as db:
        db.execute("PRAGMA page_size=512")
        db.execute("CREATE TABLE t (x TEXT)")
        for pad in range(0, 520, 7):
            db.execute("INSERT INTO t VALUES (?)", ("p" * (2000 + pad) + SECRET + "q" * 3000,))
    db.close()
    assert leaks(tmp_path, {"canary": SECRET}) == ["canary in db.sqlite"]


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_base64_of_anything_around_it(before: bytes, after: bytes) -> None:
    hidden = base64.b64encode(before + SECRET.encode() + after)
    assert any(needle in hidden for needle in needles(SECRET))
