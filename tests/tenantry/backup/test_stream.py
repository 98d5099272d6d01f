"""The encryption of backups: what was written is read, and nothing that was touched is."""

from __future__ import annotations

import io
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretBytes, SecretStr

from tenantry.backup.stream import MAGIC, SEGMENT, Key, PassphraseKey, PrivateKey, Reader, RecipientKey, Writer
from tenantry.errors import BackupUnreadable, InvalidInput
from tenantry.masterkey import Argon2Parameters

CHEAP = Argon2Parameters(iterations=1, lanes=1, memory_kib=64)
WORDS = PassphraseKey(SecretStr("correct horse battery"), CHEAP)


def pair() -> tuple[RecipientKey, PrivateKey]:
    private = X25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (
        RecipientKey(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
        PrivateKey(SecretBytes(pem)),
    )


def sealed(plain: bytes, key: Key = WORDS) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, key, {"id": "b1"})
    for start in range(0, len(plain), 10_000):
        writer.write(plain[start : start + 10_000])
    writer.finish()
    return out.getvalue()


def opened(data: bytes, key: Key = WORDS) -> bytes:
    return Reader(io.BytesIO(data), key).read()


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 200_000])
def test_round_trip(size: int) -> None:
    plain = bytes(range(256)) * (size // 256 + 1)
    plain = plain[:size]
    public, private = pair()
    assert opened(sealed(plain)) == plain
    assert opened(sealed(plain, public), private) == plain
    reader = Reader(io.BytesIO(sealed(plain)), WORDS)
    assert b"".join(iter(lambda: reader.read(777), b"")) == plain


def test_nothing_of_it_is_in_clear() -> None:
    data = sealed(b"canary" * 1000)
    assert b"canary" not in data
    header = json.loads(data[12 : 12 + int.from_bytes(data[8:12], "big")])
    assert header["id"] == "b1"
    assert "correct horse" not in json.dumps(header)


def test_another_key() -> None:
    data = sealed(b"x")
    _, private = pair()
    with pytest.raises(BackupUnreadable):
        opened(data, PassphraseKey(SecretStr("another passphrase"), CHEAP))
    with pytest.raises(BackupUnreadable):
        opened(data, PassphraseKey(SecretStr("short"), CHEAP))
    with pytest.raises(BackupUnreadable, match="passphrase"):
        opened(data, private)
    public, _ = pair()
    with pytest.raises(BackupUnreadable, match="another recipient"):
        opened(sealed(b"x", public), private)
    with pytest.raises(BackupUnreadable, match="private key"):
        opened(sealed(b"x", public))
    with pytest.raises(InvalidInput):
        opened(sealed(b"x", public), public)


def test_two_of_the_same_differ() -> None:
    public, _ = pair()
    assert sealed(b"x") != sealed(b"x")
    assert sealed(b"x", public) != sealed(b"x", public)


WHOLE = sealed(b"abc" * 60_000)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found(place: int, by: int) -> None:
    data = bytearray(WHOLE)
    data[place] ^= by
    with pytest.raises(BackupUnreadable):
        opened(bytes(data))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_cut_off_anywhere(size: int) -> None:
    with pytest.raises(BackupUnreadable):
        opened(WHOLE[:size])


def test_segments_swapped_dropped_repeated_added() -> None:
    start = len(MAGIC) + 4 + int.from_bytes(WHOLE[8:12], "big")
    step = SEGMENT + 16
    head, parts = WHOLE[:start], [WHOLE[at : at + step] for at in range(start, len(WHOLE), step)]
    assert len(parts) == 3
    for wrong in ([1, 0, 2], [0, 2], [0, 1], [0, 1, 1, 2], [0, 1, 2, 2]):
        with pytest.raises(BackupUnreadable):
            opened(head + b"".join(parts[at] for at in wrong))


@pytest.mark.parametrize("data", [b"", b"x" * 100, MAGIC, MAGIC + b"\xff\xff\xff\xff{}", MAGIC + b"\0\0\0\x02{}"])
def test_what_is_no_backup(data: bytes) -> None:
    with pytest.raises(BackupUnreadable):
        opened(data)


def test_a_header_cannot_exhaust_the_machine() -> None:
    start = 12 + int.from_bytes(WHOLE[8:12], "big")
    header = json.loads(WHOLE[12:start])
    header["argon2"]["memory_kib"] = 2**40
    forged = json.dumps(header).encode()
    with pytest.raises(BackupUnreadable):
        opened(MAGIC + len(forged).to_bytes(4, "big") + forged + WHOLE[start:])


def test_keys_that_are_none() -> None:
    other = Ed25519PrivateKey.generate()
    wrong = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for pem in (b"", b"-----BEGIN", wrong):
        with pytest.raises(InvalidInput):
            PrivateKey(SecretBytes(pem))
        with pytest.raises(InvalidInput):
            RecipientKey(pem)
