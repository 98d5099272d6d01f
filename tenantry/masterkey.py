"""The master key: a 0600 key file, or a passphrase through Argon2id. It wraps the tenants' keys and nothing else.

Parameters of Argon2id: RFC 9106 section 4, the second recommended option (https://www.rfc-editor.org/rfc/rfc9106#section-4).
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import stat
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from tenantry.errors import InvalidInput, RecordError, VaultLocked

__all__ = [
    "KEY_BYTES",
    "Argon2Parameters",
    "Passphrase",
    "derive_key",
    "key_id",
    "passphrase_from_environment",
    "read_key_file",
    "write_key_file",
]

KEY_BYTES: Final = 32
_HEADER: Final = "TENANTRY-MASTER-KEY-1 "
_MIN_PASSPHRASE: Final = 12

Passphrase = Callable[[], SecretStr]
"""Asked only when a passphrase is needed: a prompt, or a file descriptor."""


class Argon2Parameters(BaseModel):
    """How a passphrase becomes a key. Kept with the salt; bounds stop a forged record from exhausting the machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    iterations: int = Field(default=3, ge=1, le=64, description="passes over the memory")
    lanes: int = Field(default=4, ge=1, le=64, description="parallel lanes")
    memory_kib: int = Field(default=65_536, ge=64, le=4_194_304, description="memory in KiB")


def key_id(key: bytes) -> str:
    """A fingerprint that tells keys apart and gives nothing of them away."""
    return hashlib.sha256(b"tenantry/master-key-id\0" + key).hexdigest()[:32]


def derive_key(passphrase: SecretStr, salt: bytes, parameters: Argon2Parameters) -> bytes:
    """The key of a passphrase. Unicode is normalised (NFC), so another keyboard gives the same key.

    Raises:
        InvalidInput: shorter than 12 characters.
    """
    text = unicodedata.normalize("NFC", passphrase.get_secret_value())
    if len(text) < _MIN_PASSPHRASE:
        raise InvalidInput(f"a passphrase has at least {_MIN_PASSPHRASE} characters", place="passphrase")
    derivation = Argon2id(
        salt=salt,
        length=KEY_BYTES,
        iterations=parameters.iterations,
        lanes=parameters.lanes,
        memory_cost=parameters.memory_kib,
    )
    return derivation.derive(text.encode("utf-8"))


def read_key_file(path: Path) -> bytes:
    """The key in a key file.

    Raises:
        VaultLocked: missing, damaged, not a plain file, or open to anybody but its owner.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(stream.fileno())
            raw = stream.read(256)
    except OSError as exc:
        raise VaultLocked(f"{path.name} cannot be read ({exc.strerror})") from exc
    if not stat.S_ISREG(status.st_mode):
        raise VaultLocked(f"{path.name} is not a plain file")
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise VaultLocked(
            f"{path.name} can be read by others (mode {stat.S_IMODE(status.st_mode):04o})",
            remedy=f"Find out who may have read it, then `chmod 600 {path.name}`, and `tenantry vault rotate` the rest.",
        )
    try:
        text = raw.decode("ascii")
        key = base64.b64decode(text.removeprefix(_HEADER).strip(), validate=True)
    except ValueError:
        key = b""
    if not raw.startswith(_HEADER.encode()) or len(key) != KEY_BYTES:
        raise VaultLocked(f"{path.name} is damaged", remedy="Restore it from the backup; without it nothing opens.")
    return key


def write_key_file(path: Path, key: bytes) -> None:
    """Write a key file, 0600, durable, whole or not at all; replaces what is there.

    Raises:
        RecordError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
            stream.write(_HEADER.encode() + base64.b64encode(key) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise RecordError(f"{path.name} cannot be written ({exc.strerror})") from exc


def sync_folder(folder: Path) -> None:
    """Make a rename durable. Windows has no such call and orders it by itself."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def passphrase_from_environment(env: Mapping[str, str] = os.environ) -> Passphrase | None:
    """A passphrase handed over through the file descriptor named by ``TENANTRY_PASSPHRASE_FD``: one line, read once when
    it is first needed. None when the variable is not set. A passphrase never stands in an argument or a variable.

    Raises:
        InvalidInput: the variable is not a descriptor's number, or (when called) nothing can be read from it.
    """
    number = env.get("TENANTRY_PASSPHRASE_FD", "")
    if not number:
        return None
    if not (number.isascii() and number.isdigit()):
        raise InvalidInput("must be the number of an open file descriptor", place="TENANTRY_PASSPHRASE_FD")
    read: list[SecretStr] = []

    def passphrase() -> SecretStr:
        if not read:
            read.append(_first_line(int(number)))
        return read[0]

    return passphrase


def _first_line(descriptor: int) -> SecretStr:
    line = bytearray()
    try:
        # Byte by byte: what follows the line (a code on stdin, say) belongs to somebody else.
        while len(line) < 4096 and (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
            line += byte
    except OSError as exc:
        raise InvalidInput(f"cannot be read ({exc.strerror})", place="TENANTRY_PASSPHRASE_FD") from exc
    try:
        return SecretStr(line.removesuffix(b"\r").decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput("is not UTF-8 text", place="TENANTRY_PASSPHRASE_FD") from None
