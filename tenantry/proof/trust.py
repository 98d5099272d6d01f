"""Which keys signed the record, and when each was in force: what a verifier brings along, because a key that comes inside a
bundle proves nothing.

A key's epoch begins with an entry of the MSP's own tree, and is part of verification: what was witnessed there before that entry
cannot be signed with it, nor can what was witnessed after the next epoch's began. So who steals today's key cannot re-sign
yesterday's record with it, nor go on with a key that was replaced.

The file (`tenantry keys export`)::

    {"format": "tenantry-keys/1", "origin": "tenantry.<installation>",
     "keys": [{"epoch", "from_index", "since", "public_key", "fingerprint", "pem"}, …]}
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tenantry.errors import InvalidInput
from tenantry.proof.note import fingerprint, pem, raw_public

FORMAT: Final = "tenantry-keys/1"
_FIELDS: Final = {"epoch", "from_index", "since", "public_key", "fingerprint", "pem"}
_LARGEST: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """One epoch's key.

    Attributes:
        epoch: counted from 1; None when only the key itself was brought (PEM).
        from_index: place, in the MSP's tree, of the entry that began the epoch.
        public: 32 bytes.
    """

    public: bytes
    epoch: int | None = None
    from_index: int = 0
    since: str = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Keys of one or several installations: origin → keys, oldest first. Origin ``""``: keys that came as PEM."""

    keys: dict[str, tuple[TrustedKey, ...]]

    def key_at(self, origin: str, index: int) -> TrustedKey | None:
        """The key in force at that place of the MSP's tree of the installation; None when none is known."""
        found = None
        for key in self.keys.get(origin, ()):
            if key.from_index <= index:
                found = key
        return found

    def known(self, public: bytes) -> TrustedKey | None:
        """The key if it is trusted at all, whatever its epoch."""
        return next((key for keys in self.keys.values() for key in keys if key.public == public), None)

    def bare(self) -> Sequence[TrustedKey]:
        """Keys of which nothing but the key is known."""
        return self.keys.get("", ())

    def merged(self, other: TrustStore) -> TrustStore:
        return TrustStore({**self.keys, **other.keys})

    @classmethod
    def read(cls, path: Path) -> TrustStore:
        """A key file: what `tenantry keys export` writes, or public keys in PEM.

        Raises:
            InvalidInput: neither, or a file that cannot be read.
        """
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST)
        except OSError as error:
            raise InvalidInput(f"cannot be read ({error.strerror})", place=str(path)) from error
        try:
            if content.lstrip().startswith(b"-----BEGIN"):
                return cls({"": tuple(_pem_keys(content))})
            return parse_keys(json.loads(content))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(
                "is no key file", place=str(path), remedy="Use what `tenantry keys export` wrote, or a PEM public key."
            ) from error

    @classmethod
    def folder(cls, path: Path) -> TrustStore:
        """Every key file of a folder; empty when there is none."""
        store = cls({})
        for file in sorted(path.glob("*.json")) if path.is_dir() else ():
            store = store.merged(cls.read(file))
        return store


def _pem_keys(content: bytes) -> Iterable[TrustedKey]:
    end = b"-----END PUBLIC KEY-----"
    blocks = content.split(end)
    if blocks[-1].strip():
        raise ValueError("text after the last key")
    for block in blocks[:-1]:
        key = load_pem_public_key(block.strip() + b"\n" + end + b"\n")
        if not isinstance(key, Ed25519PublicKey):
            raise TypeError("not an Ed25519 key")
        yield TrustedKey(raw_public(key))


def parse_keys(document: Any) -> TrustStore:
    """Raises ValueError, KeyError or TypeError: not a key document, or one that contradicts itself."""
    if document["format"] != FORMAT or document.keys() != {"format", "origin", "keys"}:
        raise ValueError("format")
    keys: list[TrustedKey] = []
    for number, one in enumerate(document["keys"], 1):
        key = TrustedKey(
            base64.b64decode(one["public_key"], validate=True), one["epoch"], one["from_index"], one["since"]
        )
        if one.keys() != _FIELDS or one["epoch"] != number or described(key) != one or isinstance(one["epoch"], bool):
            raise ValueError("key")
        if keys and key.from_index <= keys[-1].from_index:
            raise ValueError("order")
        keys.append(key)
    if not keys or not isinstance(document["origin"], str) or not document["origin"]:
        raise ValueError("origin")
    return TrustStore({document["origin"]: tuple(keys)})


def described(key: TrustedKey) -> dict[str, Any]:
    """A key as it stands in a key file."""
    return {
        "epoch": key.epoch,
        "from_index": int(key.from_index),
        "since": key.since,
        "public_key": base64.b64encode(key.public).decode(),
        "fingerprint": key.fingerprint,
        "pem": pem(key.public),
    }


def key_document(origin: str, keys: Iterable[TrustedKey]) -> dict[str, Any]:
    """What `tenantry keys export` writes."""
    return {"format": FORMAT, "origin": origin, "keys": [described(key) for key in keys]}
