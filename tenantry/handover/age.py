"""Sealing to an age key: the format age-encryption.org/v1 (https://c2sp.org/age), recipients of the kind X25519.

Whoever holds the identity opens it with `age` or any other implementation; we cannot. Written as a stream: a chunk of 64 KiB is all that
is held.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tenantry.errors import InvalidInput

__all__ = ["Recipient", "Sealer"]

_VERSION: Final = b"age-encryption.org/v1"
_CHUNK: Final = 64 * 1024
_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class Recipient:
    """A public key, ``age1…``: 32 bytes in Bech32 (BIP 173), whose checksum finds a mistyped letter.

    Raises:
        InvalidInput: it is none; a private key is refused without being repeated.
    """

    def __init__(self, text: str) -> None:
        given = text.strip()
        if given.upper().startswith("AGE-SECRET-KEY-"):
            raise InvalidInput(
                "this is a private age key; the client keeps it, and nobody else may have it",
                remedy="Ask the client to make another, and for its public half, which begins with age1.",
            )
        kind, data = _bech32(given)
        if kind != "age" or len(data) != 32:
            raise InvalidInput("this is no age recipient of the kind X25519", remedy=_REMEDY)
        self.text: Final = given.lower()
        self.raw: Final = data
        try:
            # Points of low order give the same secret to everybody.
            X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(data))
        except ValueError as error:
            raise InvalidInput("this age recipient is a weak point of the curve", remedy=_REMEDY) from error

    def stanza(self, file_key: bytes) -> bytes:
        """The file key, for this recipient alone."""
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.raw))
        wrapping = _derived(secret, share + self.raw, b"age-encryption.org/v1/X25519")
        body = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
        return b"-> X25519 " + _b64(share) + b"\n" + _b64(body) + b"\n"


_REMEDY: Final = "Take the client's public key as age-keygen prints it: age1 and 58 characters."


class Sealer:
    """One file: :meth:`begin`, any number of :meth:`update`, :meth:`finish`; what they give, one after the other, is the file.

    Args:
        recipients: each of them can open it alone.
    """

    def __init__(self, recipients: Sequence[Recipient]) -> None:
        if not recipients:
            raise InvalidInput("nobody is named to whom it is to be sealed", remedy=_REMEDY)
        self._recipients = recipients
        file_key = os.urandom(16)
        header = _VERSION + b"\n" + b"".join(one.stanza(file_key) for one in recipients) + b"---"
        mac = hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")
        nonce = os.urandom(16)
        self._head = header + b" " + _b64(mac) + b"\n" + nonce
        self._cipher = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
        self._number = 0
        self._held = bytearray()

    def begin(self) -> bytes:
        """The header and the nonce."""
        return self._head

    def update(self, data: bytes) -> bytes:
        """What is complete of it. A chunk is held back until it is known whether it is the last one."""
        self._held += data
        out = bytearray()
        while len(self._held) > _CHUNK:
            out += self._chunk(bytes(self._held[:_CHUNK]), last=False)
            del self._held[:_CHUNK]
        return bytes(out)

    def finish(self) -> bytes:
        """The last chunk."""
        return self._chunk(bytes(self._held), last=True)

    def _chunk(self, data: bytes, *, last: bool) -> bytes:
        nonce = self._number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
        self._number += 1
        return self._cipher.encrypt(nonce, data, None)


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _bech32(text: str) -> tuple[str, bytes]:
    """Human-readable part and data (BIP 173, without its limit of 90 characters, as age takes it)."""
    kind, _, rest = text.lower().rpartition("1")
    mixed = text not in (text.lower(), text.upper())
    if mixed or not kind or len(rest) < 6 or not kind.isascii() or any(c not in _ALPHABET for c in rest):
        raise InvalidInput("this is no age recipient", remedy=_REMEDY)
    words = [_ALPHABET.index(c) for c in rest]
    expanded = [ord(c) >> 5 for c in kind] + [0] + [ord(c) & 31 for c in kind]
    if _polymod([*expanded, *words]) != 1:
        raise InvalidInput("this age recipient has a mistyped character", remedy=_REMEDY)
    value, bits, out = 0, 0, bytearray()
    for word in words[:-6]:
        value = (value << 5 | word) & 0xFFF
        bits += 5
        if bits >= 8:
            bits -= 8
            out.append(value >> bits & 0xFF)
    if bits >= 5 or value & ((1 << bits) - 1):
        raise InvalidInput("this is no age recipient", remedy=_REMEDY)
    return kind, bytes(out)


def _polymod(values: Sequence[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                check ^= generator
    return check
