"""Collected evidence: content-addressed files, encrypted under their tenant's key, written so that a crash leaves all or
nothing.

A piece of evidence is known by the SHA-256 of its plain bytes, which the step's entry in the record holds. Storing the
same bytes again is the same file. On disk::

    <folder>/<hash of the tenant's name>/<sha256>.bin
      magic (8) ‖ salt (32) ‖ nonce prefix (7) ‖ segments

Each segment is 64 KiB of plain text under AES-256-GCM with a key of the file's own, HKDF-SHA256 of the tenant's evidence
key with the salt and, as ``info``, the digest: a file that was renamed, or moved to another tenant, opens at no segment.
A segment's nonce is prefix ‖ counter (4) ‖ last flag (1), and counter and flag are associated data too, so segments
cannot be dropped, swapped, repeated or cut off at the end. This is the STREAM construction of Hoang, Reyhanitabar, Rogaway
and Vizár (CRYPTO 2015), as in Tink's streaming AEAD (https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming).
Reading and writing take the memory of one segment.

Not a promise: names of folders and files stand in clear, so who can read the disk can tell that a file he already has is
among a tenant's evidence.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic_core import to_json

from tenantry.clock import rfc3339
from tenantry.errors import InvalidInput, RecordError, TaskDefect
from tenantry.masterkey import sync_folder
from tenantry.names import check_tenant
from tenantry.task import EvidenceRef

__all__ = ["EvidenceStore", "TenantEvidence", "json_line", "json_row"]

SEGMENT: Final = 65_536
"""Plain bytes of a segment."""
_MAGIC: Final = b"TNTRYEV\x01"
_SALT: Final = 32
_PREFIX: Final = 7
_TAG: Final = 16
_HEADER: Final = len(_MAGIC) + _SALT + _PREFIX
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_LEFT_OVER: Final = 86_400.0
"""Seconds after which an unfinished file counts as left over by a process that died."""

# Line separators that JSON allows raw inside strings but readers of lines may split at, and characters that change how a
# terminal shows what follows: written as escapes, which parse to the same text.
_ESCAPE = re.compile("[\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]")


def json_line(value: Any) -> bytes:
    """One JSON document as one line of UTF-8 with its final newline; keys keep their order, values are unaltered.

    Raises:
        TaskDefect: the value is not JSON (times are written as RFC 3339).
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_jsonable)
    except (TypeError, ValueError, RecursionError) as error:
        raise TaskDefect(f"a row is not JSON: {type(error).__name__}") from error
    try:
        return _escaped(text).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can hold it, UTF-8 cannot
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_jsonable).encode() + b"\n"


def json_row(row: Mapping[str, str | int | bool | list[str]]) -> bytes:
    """:func:`json_line` for plain rows: the same bytes, several times as fast."""
    try:
        line = to_json(row)
    except ValueError:  # half of a surrogate pair
        return json_line(row)
    if _may_need_escapes(line):
        line = _escaped(line.decode()).encode()
    return line + b"\n"


def _may_need_escapes(line: bytes) -> bool:
    """Whether it holds what one of the characters of ``_ESCAPE`` begins with in UTF-8."""
    # Written out: in a loop it takes as long as making the line.
    return (
        b"\x7f" in line
        or b"\xc2" in line
        or b"\xd8\x9c" in line
        or b"\xe2\x80" in line
        or b"\xe2\x81" in line
        or b"\xef\xbb\xbf" in line
    )


def _escaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) if _ESCAPE.search(text) else text


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


class EvidenceStore:
    """All tenants' evidence of one machine. Thread-safe; holds no open file.

    Args:
        folder: ``Home.evidence``.
        key: tenant → 256-bit evidence key, e.g. ``lambda tenant: vault.subkey(tenant, "evidence")``.
    """

    def __init__(self, folder: Path, key: Callable[[str], bytes]) -> None:
        self._folder = folder
        self._key = key

    def sink(self, tenant: str, run_id: str) -> TenantEvidence:
        """Where a run's read tasks put what they collect (an ``EvidenceSink``)."""
        del run_id  # the run's entries name what belongs to it; the same bytes from two runs are one file
        return TenantEvidence(self, check_tenant(tenant))

    def path(self, tenant: str, sha256: str) -> Path:
        """Where a piece lies, or would lie.

        Raises:
            InvalidInput: not a tenant's name, or not a digest.
        """
        if not _DIGEST.match(sha256):
            raise InvalidInput("a piece of evidence is named by 64 hexadecimal digits", place="sha256")
        return self._tenant(tenant) / f"{sha256}.bin"

    def has(self, tenant: str, sha256: str) -> bool:
        return self.path(tenant, sha256).is_file()

    def put(
        self, tenant: str, name: str, pieces: Callable[[], Iterable[bytes]], rows: int | None = None
    ) -> EvidenceRef:
        """Store what ``pieces`` yields, durably, and return what the record is to hold.

        Args:
            name: what it is called in a bundle, e.g. ``sign-ins.jsonl``.
            pieces: called twice, for the digest and for the file: a name is known before its file is written.

        Raises:
            RecordError: the disk is full or gone, or the two calls gave different bytes.
            NotFound: the tenant has no key, or it was destroyed.
        """
        digest, size = hashlib.sha256(), 0
        for piece in pieces():
            digest.update(piece)
            size += len(piece)
        reference = EvidenceRef(name=name, sha256=digest.hexdigest(), size=size, rows=rows)
        target = self.path(tenant, reference.sha256)
        if not target.exists():
            with _storage(f"store the evidence {name}"):
                self._write(tenant, target, reference.sha256, pieces())
        return reference

    def open(self, tenant: str, sha256: str) -> Iterator[bytes]:
        """The plain bytes in segments, each proven to be this tenant's, of this piece, at this place. Only when the
        iterator has ended is it proven that nothing is missing.

        Raises:
            RecordError: missing, unreadable or tampered with; names the file.
            InvalidInput: not a digest.
        """
        path = self.path(tenant, sha256)
        with _storage(f"read the evidence {path.name}"), _reading(path) as file:
            header = file.read(_HEADER)
            if len(header) != _HEADER or not header.startswith(_MAGIC):
                raise _tampered(path, "it does not begin as evidence does")
            salt, prefix = header[len(_MAGIC) : len(_MAGIC) + _SALT], header[-_PREFIX:]
            cipher = _cipher(self._key(tenant), salt, sha256)
            digest, counter = hashlib.sha256(), 0
            sealed = file.read(SEGMENT + _TAG)
            while True:
                following = file.read(SEGMENT + _TAG)
                try:
                    plain = cipher.decrypt(*_place(prefix, counter, last=not following, data=sealed))
                except InvalidTag:
                    raise _tampered(path, f"segment {counter} does not open") from None
                digest.update(plain)
                if not following and digest.hexdigest() != sha256:
                    raise _tampered(path, "its bytes are not the ones recorded")
                yield plain
                if not following:
                    return
                sealed, counter = following, counter + 1

    def verify(self, tenant: str, sha256: str) -> int:
        """Read a piece to its end; its size in bytes.

        Raises:
            RecordError: as :meth:`open`.
        """
        return sum(len(plain) for plain in self.open(tenant, sha256))

    def erase(self, tenant: str, sha256: str) -> bool:
        """Remove a piece for good; False when it is not there. What erased it stands in the record, not here.

        Raises:
            RecordError: the disk is gone, or does not allow it.
        """
        path = self.path(tenant, sha256)
        with _storage(f"erase the evidence {path.name}"):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
            sync_folder(path.parent)
        return True

    # --- writing ------------------------------------------------------------------------------------------------------

    def _tenant(self, tenant: str) -> Path:
        return self._folder / hashlib.sha256(check_tenant(tenant).encode()).hexdigest()[:32]

    def _write(self, tenant: str, target: Path, sha256: str, pieces: Iterable[bytes]) -> None:
        key = self._key(tenant)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(target.parent.parent)
        _sweep(target.parent)
        unfinished = target.parent / f"{secrets.token_hex(16)}.tmp"
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                written = _seal(file, key, sha256, pieces)
                file.flush()
                os.fsync(file.fileno())
            if written != sha256:
                raise RecordError(f"the evidence {target.name} changed while it was stored")
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        sync_folder(target.parent)


class TenantEvidence:
    """The sink of one run: an ``EvidenceSink`` of :mod:`tenantry.task`. Disk and cipher work in a thread."""

    def __init__(self, store: EvidenceStore, tenant: str) -> None:
        self._store = store
        self._tenant = tenant

    async def store_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> EvidenceRef:
        """Store rows as JSON lines, unaltered. The rows must not be changed until this returns.

        Raises:
            RecordError: the disk is full or gone.
            TaskDefect: a row is not JSON.
        """
        return await asyncio.to_thread(
            self._store.put, self._tenant, name, lambda: _blocks(map(json_line, rows)), len(rows)
        )

    async def store_bytes(self, name: str, data: bytes) -> EvidenceRef:
        """Store bytes as they are.

        Raises:
            RecordError: the disk is full or gone.
        """
        return await asyncio.to_thread(self._store.put, self._tenant, name, lambda: (data,))


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Short lines joined to blocks: hashing and ciphering byte strings of some size is what costs least."""
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= SEGMENT:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _seal(file: BinaryIO, key: bytes, sha256: str, pieces: Iterable[bytes]) -> str:
    """Write header and segments; the digest of what was written."""
    salt, prefix = secrets.token_bytes(_SALT), secrets.token_bytes(_PREFIX)
    cipher = _cipher(key, salt, sha256)
    digest, counter, waiting = hashlib.sha256(), 0, bytearray()
    file.write(_MAGIC + salt + prefix)
    for piece in pieces:
        view = memoryview(piece)
        while len(view):
            if len(waiting) == SEGMENT:  # a full segment is written when more follows: then it is not the last
                file.write(cipher.encrypt(*_place(prefix, counter, last=False, data=bytes(waiting))))
                counter += 1
                waiting.clear()
            taken = view[: SEGMENT - len(waiting)]
            digest.update(taken)
            waiting += taken
            view = view[len(taken) :]
    file.write(cipher.encrypt(*_place(prefix, counter, last=True, data=bytes(waiting))))
    return digest.hexdigest()


def _place(prefix: bytes, counter: int, *, last: bool, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Nonce, data and associated data of a segment. 2³² segments are 256 TiB; the counter cannot wrap before the disk is
    full."""
    place = counter.to_bytes(4, "big") + (b"\x01" if last else b"\x00")
    return prefix + place, data, _MAGIC + place


def _cipher(key: bytes, salt: bytes, sha256: str) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=_MAGIC + bytes.fromhex(sha256)).derive(key))


def _sweep(folder: Path) -> None:
    """Remove what processes that died left unfinished."""
    now = time.time()
    for path in folder.glob("*.tmp"):
        with contextlib.suppress(FileNotFoundError):  # its own process finished it meanwhile
            if now - path.stat().st_mtime > _LEFT_OVER:
                path.unlink()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise RecordError(
            f"the evidence {path.name} is missing", remedy="Restore the evidence folder from a backup.", file=str(path)
        ) from None
    with file:
        yield file


@contextlib.contextmanager
def _storage(doing: str) -> Iterator[None]:
    """Errors of the disk become ours at this edge."""
    try:
        yield
    except OSError as error:
        raise RecordError(f"cannot {doing}: {error.strerror}", file=str(error.filename or "")) from error


def _tampered(path: Path, why: str) -> RecordError:
    return RecordError(
        f"the evidence {path.name} was damaged or tampered with: {why}",
        remedy="Keep this file as it is, and restore the piece from a backup; its digest is in the record.",
        file=str(path),
    )
