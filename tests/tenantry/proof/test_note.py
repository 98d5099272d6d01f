from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import InvalidInput, NotProven
from tenantry.proof.note import (
    Checkpoint,
    fingerprint,
    open_note,
    parse_note,
    pem,
    raw_public,
    sign_checkpoint,
    signed_by,
    vkey,
)

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = raw_public(KEY.public_key())
OTHER = raw_public(Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key())
CHECKPOINT = Checkpoint("tenantry.0123/4567", 1042, hashlib.sha256(b"root").digest())
NOTE = sign_checkpoint(CHECKPOINT, KEY)


def test_a_note_opens_with_its_key_alone() -> None:
    assert open_note(NOTE, PUBLIC) == CHECKPOINT
    assert signed_by(NOTE, PUBLIC)
    assert not signed_by(NOTE, OTHER)
    with pytest.raises(NotProven):
        open_note(NOTE, OTHER)


@given(st.integers(0, len(NOTE) * 8 - 1))
def test_no_bit_of_a_note_can_change(bit: int) -> None:
    changed = bytearray(NOTE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((NotProven, InvalidInput)):
        open_note(bytes(changed), PUBLIC)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        NOTE[:-1],
        NOTE + b"\n",
        NOTE.replace(b"\n1042\n", b"\n01042\n"),
        NOTE.replace(b"\n1042\n", b"\n-1\n"),
        NOTE.replace(b"\n\n", b"\nmore\n\n"),
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace(b"\xe2\x80\x94", b"-"),
        b"\xff" + NOTE,
    ],
)
def test_what_is_no_note(note: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_note(note)


def test_a_second_signature_is_not_ours() -> None:
    with pytest.raises(NotProven):
        open_note(NOTE + NOTE.splitlines(keepends=True)[-1], PUBLIC)


def test_the_verifier_key_is_that_of_signed_notes() -> None:
    name, hash, _ = vkey(CHECKPOINT.origin, PUBLIC).split("+", 2)
    assert name == CHECKPOINT.origin
    assert hash == hashlib.sha256(name.encode() + b"\n\x01" + PUBLIC).hexdigest()[:8]


def test_openssl_has_the_same_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem(PUBLIC), encoding="ascii")
    convert = ["openssl", "pkey", "-pubin", "-in", "key.pem", "-outform", "DER"]
    der = subprocess.run(convert, cwd=tmp_path, capture_output=True, check=True).stdout
    assert hashlib.sha256(der).hexdigest() == fingerprint(PUBLIC)
