"""Signed checkpoints: C2SP signed notes (https://c2sp.org/signed-note) of C2SP checkpoints (https://c2sp.org/tlog-checkpoint).

::

    tenantry.9f2c41d07a5be811/3ab0c95d1e774f20      the origin: installation / tree
    1042                                            entries
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=    root, RFC 6962
                                                    (an empty line)
    — tenantry.9f2c41d07a5be811/3ab0c95d1e774f20 jWbPPwAB...=   key hash ‖ Ed25519 signature over the lines above

The key's name is the origin, as the specification asks, so one key pair has a verifier key of its own for each tree. What is
signed are the first three lines with their line ends: `openssl pkeyutl -verify -rawin` checks it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tenantry.errors import InvalidInput, NotProven

_ALGORITHM: Final = b"\x01"
"""Ed25519, in the registry of signed notes."""
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_DASH: Final = "\u2014 "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree at one size. ``root``: 32 bytes."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A checkpoint and its signatures, not verified yet."""

    checkpoint: Checkpoint
    signatures: tuple[tuple[str, bytes, bytes], ...]
    """``(key name, key hash, signature)``"""


def raw_public(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def fingerprint(public: bytes) -> str:
    """SHA-256 of the key as SubjectPublicKeyInfo (DER), hex: what people compare, and what
    ``openssl pkey -pubin -outform DER | sha256sum`` prints."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def pem(public: bytes) -> str:
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_hash(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ALGORITHM + public).digest()[:4]


def vkey(name: str, public: bytes) -> str:
    """The verifier key as signed-note tools take it: ``name+hash+key``."""
    return f"{name}+{key_hash(name, public).hex()}+{base64.b64encode(_ALGORITHM + public).decode()}"


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """The signed note, UTF-8."""
    text = checkpoint.text()
    public = raw_public(key.public_key())
    blob = key_hash(checkpoint.origin, public) + key.sign(text.encode())
    return f"{text}\n{_DASH}{checkpoint.origin} {base64.b64encode(blob).decode()}\n".encode()


def parse_note(note: bytes) -> SignedNote:
    """Read a signed checkpoint, strictly: it has one spelling only.

    Raises:
        InvalidInput: it is none.
    """
    try:
        text, _, tail = note.decode("utf-8").partition("\n\n")
        origin, size, encoded = text.split("\n")
        if not origin or not _SIZE.match(size) or not tail.endswith("\n"):
            raise ValueError(size)
        checkpoint = Checkpoint(origin, int(size), _decoded(encoded, 32))
        lines = tail[:-1].split("\n")
        signatures = tuple(map(_signature, lines))
    except ValueError as error:
        raise InvalidInput("this is no signed checkpoint", remedy="Take the file as it was handed over.") from error
    return SignedNote(checkpoint, signatures)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, name, blob = line.split(" ")
    if dash != _DASH.strip() or not name:
        raise ValueError(line)
    raw = _decoded(blob, 68)
    return name, raw[:4], raw[4:]


def _decoded(text: str, length: int) -> bytes:
    """Base64 in its one canonical spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error
    if len(raw) != length or base64.b64encode(raw).decode() != text:
        raise ValueError(text)
    return raw


def signed_by(note: bytes, public: bytes) -> bool:
    """Whether the note names this key; says nothing of the signature."""
    parsed = parse_note(note)
    wanted = key_hash(parsed.checkpoint.origin, public)
    return any(name == parsed.checkpoint.origin and found == wanted for name, found, _ in parsed.signatures)


def open_note(note: bytes, public: bytes) -> Checkpoint:
    """The checkpoint, proven to be signed with this key (32 bytes) and no other one beside it.

    Raises:
        NotProven: another key's, or changed since.
        InvalidInput: no signed checkpoint.
    """
    parsed = parse_note(note)
    checkpoint = parsed.checkpoint
    if len(parsed.signatures) != 1:
        raise NotProven(f"the checkpoint of {checkpoint.origin} has {len(parsed.signatures)} signatures, not one")
    ((name, found, signature),) = parsed.signatures
    if name != checkpoint.origin or found != key_hash(name, public):
        raise NotProven(f"the checkpoint of {checkpoint.origin} is signed with another key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, checkpoint.text().encode())
    except (InvalidSignature, ValueError):
        raise NotProven(f"the signature of the checkpoint of {checkpoint.origin} is wrong") from None
    return checkpoint
