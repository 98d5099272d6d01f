from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import InvalidInput
from tenantry.proof import TrustedKey, TrustStore, merkle, sign_checkpoint
from tenantry.proof.consistency import check_consistency, consistency_document
from tenantry.proof.note import Checkpoint, raw_public

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
LEAVES = merkle.Leaves(merkle.leaf_hash(str(n).encode()) for n in range(70))
ORIGIN = "tenantry.x/y"


def trust(key: Ed25519PrivateKey = KEY) -> TrustStore:
    return TrustStore({"tenantry.x": (TrustedKey(raw_public(key.public_key()), 1, 0, ""),)})


def note(size: int, root: bytes | None = None, key: Ed25519PrivateKey = KEY, origin: str = ORIGIN) -> bytes:
    return sign_checkpoint(Checkpoint(origin, size, root or merkle.root(LEAVES, size)), key)


def handed(old: int, new: int, later: bytes | None = None) -> bytes:
    path = merkle.consistency_proof(LEAVES, old, new) if old <= new else []
    return consistency_document(note(old), later or note(new), path)


@given(st.integers(1, 70), st.integers(1, 70))
def test_whatever_grew_follows(one: int, two: int) -> None:
    old, new = min(one, two), max(one, two)
    report = check_consistency(handed(old, new), note(old), trust())
    assert (report["ok"], report["signer"], report["why"]) == (True, "established", None)
    assert (report["earlier"], report["later"], report["note"]) == (old, new, note(new).decode())


@pytest.mark.parametrize(
    ("content", "kept", "why"),
    [
        (handed(20, 10), note(20), "rolled back"),
        (handed(10, 20), note(10, b"x" * 32), "does not begin"),
        (handed(20, 20), note(20, b"x" * 32), "does not begin"),
        (handed(10, 20, note(20, b"x" * 32)), note(10), "does not begin"),
        (handed(10, 20, note(20, key=OTHER)), note(10), "not among those brought"),
        (handed(10, 20, note(20, origin="tenantry.x/z")), note(10), "another record"),
    ],
)
def test_what_does_not_follow(content: bytes, kept: bytes, why: str) -> None:
    report = check_consistency(content, kept, trust())
    assert why in report["why"]
    assert (report["ok"], report["consistent"], report["note"]) == (False, False, None)


def test_nobody_here_knows_the_signer() -> None:
    report = check_consistency(handed(10, 20), note(10), None)
    assert (report["ok"], report["consistent"], report["signer"], report["note"]) == (
        False,
        True,
        "not_established",
        None,
    )


@given(st.data())
def test_any_change_of_the_proof_is_found(data: st.DataObject) -> None:
    document = json.loads(handed(13, 61))
    name = data.draw(st.sampled_from(["later", "path"]))
    if name == "later":
        text = document["later"]
        at = data.draw(st.integers(0, len(text) - 1))
        document["later"] = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
    else:
        path: list[str] = document["path"]
        at = data.draw(st.integers(0, len(path) - 1))
        way = data.draw(st.sampled_from(["drop", "double", "change"]))
        document["path"] = {
            "drop": [*path[:at], *path[at + 1 :]],
            "double": [*path[: at + 1], *path[at:]],
            "change": [*path[:at], "00" * 32, *path[at + 1 :]],
        }[way]
    with contextlib.suppress(InvalidInput):
        assert not check_consistency(json.dumps(document).encode(), note(13), trust())["ok"]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format": "x"}', b"\xff", json.dumps({"format": 1}).encode()]
)
def test_what_is_no_proof(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        check_consistency(content, note(1), trust())


def test_what_was_kept_is_no_checkpoint() -> None:
    kept: Any = b"nonsense"
    with pytest.raises(InvalidInput):
        check_consistency(handed(1, 2), kept, trust())
