"""The record's signing keys in the vault, and what of the record is kept outside its database.

The private key of epoch *n* is the estate's secret ``record/signing/n``: an Ed25519 seed. It is opened when something is signed,
by this process alone, and each opening is an entry. When an epoch ends its key is destroyed: nothing can be signed with it any
more, and nothing needs to be.

Copies of the newest checkpoints lie in ``checkpoints/``, so that a database restored from a backup is found before anything is
signed on top of it, and the public keys in ``trust/own.json``, where `tenantry evidence verify` looks for them.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from tenantry.errors import InvalidInput, NotFound, RecordError, SecretUnreadable
from tenantry.home import Home
from tenantry.masterkey import sync_folder
from tenantry.names import MSP
from tenantry.proof.note import parse_note
from tenantry.proof.trust import TrustedKey, key_document
from tenantry.vault import Vault

__all__ = ["RecordSigner"]

_LARGEST: Final = 4096


class RecordSigner:
    """:class:`tenantry.journal.Signer` over a home and its vault. Thread-safe."""

    def __init__(self, home: Home, vault: Vault) -> None:
        self._home = home
        self._vault = vault
        self._keys: dict[int, Ed25519PrivateKey] = {}

    def private(self, epoch: int) -> Ed25519PrivateKey:
        """Raises SecretUnreadable: what lies in the vault is no key."""
        if epoch not in self._keys:
            seed = self._vault.get_or_create(
                MSP,
                _name(epoch),
                lambda: SecretStr(secrets.token_hex(32)),
                kind="signing-key",
                purpose="sign the record",
            )
            try:
                self._keys[epoch] = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed.get_secret_value()))
            except ValueError:
                raise SecretUnreadable(f"{_name(epoch)} is no signing key") from None
        return self._keys[epoch]

    def retire(self, epoch: int) -> None:
        self._keys.pop(epoch, None)
        try:
            self._vault.delete(MSP, _name(epoch))
        except NotFound:
            return  # somebody destroyed it before

    def kept(self, tree: str) -> bytes | None:
        """Raises RecordError: it is there and cannot be read."""
        path = self._path(tree)
        try:
            with path.open("rb") as file:
                return file.read(_LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RecordError(f"{path.name} in checkpoints/ cannot be read ({error.strerror})") from error

    def keep(self, tree: str, note: bytes) -> None:
        """Keep the note, unless a later one is kept already. Raises RecordError: the disk is full or gone."""
        try:
            kept = self.kept(tree)
            if kept is not None and parse_note(kept).checkpoint.size >= parse_note(note).checkpoint.size:
                return
        except InvalidInput:
            return  # damaged: the next signing says so; it is no ground to overwrite what may be evidence
        _write(self._path(tree), note)

    def publish(self, origin: str, keys: Sequence[TrustedKey]) -> None:
        """Raises RecordError: the disk is full or gone."""
        document = json.dumps(key_document(origin, keys), indent=2).encode() + b"\n"
        _write(self._home.trust / "own.json", document)

    def _path(self, tree: str) -> Path:
        return self._home.checkpoints / f"{tree}.txt"


def _name(epoch: int) -> str:
    return f"record/signing/{epoch}"


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and durable."""
    making = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            making.replace(path)
        finally:
            making.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise RecordError(f"{path.name} cannot be written ({error.strerror})", file=str(path)) from error
