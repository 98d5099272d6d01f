"""Credentials, handed over so that nobody but the client can read them: JSON lines, sealed to the client's own age keys.

One line a credential: ``{name, kind, value, encoding, facts}``; ``encoding`` is ``utf-8`` or ``base64`` where the value is no text. The plain text
exists one credential at a time, in memory. The file is one of the payload's: what the package's manifest names is its sealed form.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import SecretBytes

from tenantry.errors import CannotCheck
from tenantry.handover.age import Recipient, Sealer

__all__ = ["Credential", "SealedFile", "seal_credentials"]


@dataclass(frozen=True, slots=True)
class Credential:
    """One of them. ``facts`` (where it is used, when it expires) are sealed with it."""

    name: str
    kind: str
    value: SecretBytes
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SealedFile:
    """What was written. ``sha256`` is of the sealed bytes; names are what the inventory lists, no values."""

    path: Path
    size: int
    sha256: str
    names: tuple[str, ...]
    recipients: tuple[str, ...]


async def seal_credentials(
    credentials: AsyncIterator[Credential], recipients: Sequence[Recipient], path: Path
) -> SealedFile:
    """Write the file, whole or not at all.

    Raises:
        InvalidInput: no recipient. CannotCheck: the file cannot be written. Whatever the iterator raises.
    """
    sealer, partial, names = Sealer(recipients), path.with_name(f"{path.name}.part"), []
    digest, size = hashlib.sha256(), 0
    try:
        out = await asyncio.to_thread(_opened, partial)
        try:
            piece = sealer.begin()
            async for one in credentials:
                names.append(one.name)
                piece += sealer.update(_line(one))
                digest.update(piece)
                size += await asyncio.to_thread(out.write, piece)
                piece = b""
            piece += sealer.finish()
            digest.update(piece)
            size += await asyncio.to_thread(out.write, piece)
            await asyncio.to_thread(_synced, out)
        finally:
            out.close()
        await asyncio.to_thread(partial.replace, path)
    except OSError as error:
        raise CannotCheck(f"{path.name} cannot be written ({error.strerror})") from error
    return SealedFile(path, size, digest.hexdigest(), tuple(names), tuple(one.text for one in recipients))


def _line(one: Credential) -> bytes:
    raw = one.value.get_secret_value()
    try:
        value, encoding = raw.decode(), "utf-8"
    except UnicodeDecodeError:
        value, encoding = base64.b64encode(raw).decode(), "base64"
    row = {"name": one.name, "kind": one.kind, "value": value, "encoding": encoding, "facts": dict(one.facts)}
    return json.dumps(row, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")


def _synced(out: BinaryIO) -> None:
    out.flush()
    os.fsync(out.fileno())
