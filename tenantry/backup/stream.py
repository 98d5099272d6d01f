"""The encryption of a backup: a header in clear, then segments under AES-256-GCM.

::

    magic (8) ‖ length of header (4) ‖ header (JSON) ‖ segments

The header says how the key is come by: a passphrase through Argon2id, or X25519 with the public key of a recipient, so that the
machine that makes backups cannot read them. The key of the stream is HKDF-SHA256 of that with a salt and, as ``info``, the
digest of magic and header: an altered header opens nothing. Segments are those of :mod:`tenantry.evidence`: 64 KiB, nonce and
associated data of prefix, counter and a flag on the last, so none can be dropped, swapped, repeated or cut off (STREAM; Hoang,
Reyhanitabar, Rogaway, Vizár, CRYPTO 2015). Reading and writing take the memory of two segments.

X25519: RFC 7748; the shared secret, the sender's and the recipient's public keys go into the derivation together, as RFC 9180
section 4.1 has it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import secrets
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from pydantic import SecretBytes, SecretStr, ValidationError

from tenantry.errors import BackupUnreadable, InvalidInput
from tenantry.masterkey import KEY_BYTES, Argon2Parameters, derive_key

__all__ = ["Key", "PassphraseKey", "PrivateKey", "Reader", "RecipientKey", "Writer"]

MAGIC: Final = b"TNTRYBK\x01"
SEGMENT: Final = 65_536
_TAG: Final = 16
_PREFIX: Final = 7
_LENGTH: Final = struct.Struct(">I")
_LONGEST_HEADER: Final = 4_096


class Key(ABC):
    """What opens or closes a backup."""

    @abstractmethod
    def close(self) -> tuple[dict[str, Any], bytes]:
        """Fields for the header, and the secret that they stand for.

        Raises:
            InvalidInput: this key only opens.
        """

    @abstractmethod
    def open(self, header: Mapping[str, Any]) -> bytes:
        """The secret that the header stands for.

        Raises:
            BackupUnreadable: made with another kind of key.
        """


class PassphraseKey(Key):
    """A passphrase of twelve characters or more, through Argon2id."""

    def __init__(self, passphrase: SecretStr, argon2: Argon2Parameters | None = None) -> None:
        self._passphrase = passphrase
        self._argon2 = argon2 or Argon2Parameters()

    def close(self) -> tuple[dict[str, Any], bytes]:
        salt = secrets.token_bytes(16)
        fields = {"key": "passphrase", "kdf_salt": _text(salt), "argon2": self._argon2.model_dump()}
        return fields, derive_key(self._passphrase, salt, self._argon2)

    def open(self, header: Mapping[str, Any]) -> bytes:
        if header.get("key") != "passphrase":
            raise BackupUnreadable(
                "this backup opens with the recipient's private key", remedy="Name it with --key FILE."
            )
        try:
            argon2 = Argon2Parameters.model_validate(header["argon2"])
            return derive_key(self._passphrase, _bytes(header["kdf_salt"]), argon2)
        except (ValidationError, ValueError, KeyError, InvalidInput):
            raise BackupUnreadable("the backup does not open with this passphrase") from None


class RecipientKey(Key):
    """The public key (PEM, X25519) of who may read the backup: it closes, and opens nothing."""

    def __init__(self, pem: bytes) -> None:
        try:
            found = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            found = None
        if not isinstance(found, X25519PublicKey):
            raise InvalidInput("not a public X25519 key in PEM", place="--recipient", remedy=_HOW)
        self._public = found

    def close(self) -> tuple[dict[str, Any], bytes]:
        ours = X25519PrivateKey.generate()
        sent = ours.public_key().public_bytes_raw()
        wanted = self._public.public_bytes_raw()
        return {"key": "recipient", "sent": _text(sent), "for": fingerprint(wanted)}, ours.exchange(
            self._public
        ) + sent + wanted

    def open(self, header: Mapping[str, Any]) -> bytes:
        del header
        raise InvalidInput("a public key opens nothing", place="--key", remedy="Name the private key of the recipient.")


class PrivateKey(Key):
    """The private key (PEM, X25519) of the recipient: it opens."""

    def __init__(self, pem: SecretBytes, password: SecretStr | None = None) -> None:
        try:
            found = load_pem_private_key(
                pem.get_secret_value(), password.get_secret_value().encode() if password is not None else None
            )
        except (ValueError, TypeError, UnsupportedAlgorithm):  # their texts may quote the file
            found = None
        if not isinstance(found, X25519PrivateKey):
            raise InvalidInput("not a private X25519 key in PEM", place="--key", remedy=_HOW)
        self._private = found

    def close(self) -> tuple[dict[str, Any], bytes]:
        raise InvalidInput("a private key makes no backup", place="--recipient", remedy="Name the public key.")

    def open(self, header: Mapping[str, Any]) -> bytes:
        if header.get("key") != "recipient":
            raise BackupUnreadable(
                "this backup opens with its passphrase", remedy="Leave --key out, and give the passphrase."
            )
        mine = self._private.public_key().public_bytes_raw()
        if header.get("for") != fingerprint(mine):
            raise BackupUnreadable("this backup was made for another recipient's key")
        try:
            sent = _bytes(header["sent"])
            return self._private.exchange(X25519PublicKey.from_public_bytes(sent)) + sent + mine
        except (ValueError, KeyError):
            raise _damaged("its header") from None


_HOW: Final = "`openssl genpkey -algorithm X25519 -out backup.key; openssl pkey -in backup.key -pubout -out backup.pub` makes a pair."


def fingerprint(public: bytes) -> str:
    """Which recipient a backup is for."""
    return hashlib.sha256(b"tenantry/backup-recipient\0" + public).hexdigest()[:32]


class Writer(io.RawIOBase):
    """A file to write plain bytes to; `finish` makes it whole. What was not finished does not open.

    Args:
        out: takes the encrypted bytes.
        key: closes it.
        facts: for the header; in clear.
    """

    def __init__(self, out: BinaryIO, key: Key, facts: Mapping[str, Any]) -> None:
        super().__init__()
        fields, secret = key.close()
        salt, self._prefix = secrets.token_bytes(32), secrets.token_bytes(_PREFIX)
        header = json.dumps(
            {**facts, **fields, "salt": _text(salt), "prefix": _text(self._prefix)}, sort_keys=True
        ).encode()
        self._cipher = _cipher(secret, salt, header)
        self._out = out
        self._waiting = bytearray()
        self._counter = 0
        out.write(MAGIC + _LENGTH.pack(len(header)) + header)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += data
        while len(self._waiting) > SEGMENT:  # a full segment is written when more follows: then it is not the last
            self._segment(bytes(self._waiting[:SEGMENT]), last=False)
            del self._waiting[:SEGMENT]
        return len(data)

    def finish(self) -> None:
        """Write the last segment."""
        self._segment(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _segment(self, plain: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(*_place(self._prefix, self._counter, last=last, data=plain)))
        self._counter += 1


class Reader(io.RawIOBase):
    """A file to read the plain bytes from. Only at its end is it proven that nothing is missing.

    Raises:
        BackupUnreadable: here and from `read`: not a backup, another key, damaged or cut off.
    """

    def __init__(self, source: BinaryIO, key: Key) -> None:
        super().__init__()
        start = source.read(len(MAGIC) + _LENGTH.size)
        if len(start) != len(MAGIC) + _LENGTH.size or not start.startswith(MAGIC):
            raise BackupUnreadable("not a backup of Tenantry")
        (length,) = _LENGTH.unpack(start[len(MAGIC) :])
        header = source.read(min(length, _LONGEST_HEADER))
        try:
            self.header: Mapping[str, Any] = json.loads(header)
            salt, self._prefix = _bytes(self.header["salt"]), _bytes(self.header["prefix"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _damaged("its header") from None
        if len(header) != length or len(self._prefix) != _PREFIX:
            raise _damaged("its header")
        self._cipher = _cipher(key.open(self.header), salt, header)
        self._source = source
        self._next = source.read(SEGMENT + _TAG)
        self._plain = b""
        self._counter = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = bytearray()
        while (size < 0 or len(found) < size) and (self._plain or not self._ended):
            if not self._plain:
                self._plain = self._segment()
            taken = self._plain if size < 0 else self._plain[: size - len(found)]
            self._plain = self._plain[len(taken) :]
            found += taken
        return bytes(found)

    def drain(self) -> None:
        """Read to the end, which proves that it is one."""
        while not self._ended:
            self._segment()

    def _segment(self) -> bytes:
        sealed, self._next = self._next, self._source.read(SEGMENT + _TAG)
        last = not self._next
        try:
            plain = self._cipher.decrypt(*_place(self._prefix, self._counter, last=last, data=sealed))
        except InvalidTag:
            if self._counter == 0:
                raise BackupUnreadable("the backup does not open with this key, or is damaged") from None
            raise _damaged(f"segment {self._counter}") from None
        self._counter += 1
        self._ended = last
        return plain


def _place(prefix: bytes, counter: int, *, last: bool, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Nonce, data and associated data of a segment."""
    place = counter.to_bytes(4, "big") + (b"\x01" if last else b"\x00")
    return prefix + place, data, MAGIC + place


def _cipher(secret: bytes, salt: bytes, header: bytes) -> AESGCM:
    info = MAGIC + hashlib.sha256(header).digest()
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(secret))


def _damaged(what: str) -> BackupUnreadable:
    return BackupUnreadable(f"the backup is damaged or cut off ({what} does not open)")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError):
        raise ValueError("not base64") from None
