"""Looking for secrets in everything a machine keeps: files, databases, logs; as text and encoded or compressed.

Each secret becomes needles (UTF-8, UTF-16, hex, percent, JSON escapes, base64 in its three alignments); every file is searched
as it is, decompressed wherever a gzip, zlib or zip stream begins, and, when it is an SQLite database, cell by cell (a value in
overflow pages is not contiguous in the file).
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import sqlite3
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

_DEPTH = 3
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_CHUNK = 64 * 1024 * 1024


def needles(secret: str) -> set[bytes]:
    """Every form in which the secret might lie somewhere."""
    plain = secret.encode()
    forms = {
        plain,
        secret.encode("utf-16-le"),
        secret.encode("utf-16-be"),
        plain.hex().encode(),
        plain.hex().upper().encode(),
        urllib.parse.quote(secret, safe="").encode(),
        json.dumps(secret)[1:-1].encode(),
    }
    for wide in (plain, secret.encode("utf-16-le")):
        for offset in range(3):
            # A secret inside base64 of something longer: the characters that only it determines.
            encoded = base64.b64encode(b"\0" * offset + wide)
            start = (offset * 8 + 5) // 6
            end = (offset + len(wide)) * 8 // 6
            forms |= {encoded[start:end], encoded[start:end].translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


def private_lines(pem: str) -> dict[str, str]:
    """What to look for of a private key: lines of its PEM that nobody can make from the public half. In OpenSSH's form the first three hold
    names and the public key; of a long one, which is RSA's, the first seven the modulus (RFC 8017, A.1.2). What stands beside it in the
    same text, a certificate, is left out."""
    _, _, key = pem.rpartition("-----BEGIN ")
    lines = [line for line in key.partition("-----END")[0].splitlines()[1:] if line]
    return {f"private key line {n}": line for n, line in enumerate(lines[7 if len(lines) > 20 else 3 :] or lines)}


def leaks(folder: Path, secrets: Mapping[str, str]) -> list[str]:
    """``name in file`` for every secret found below a folder. Names and files, never values."""
    wanted = {name: needles(secret) for name, secret in secrets.items() if len(secret) >= 6}
    found: list[str] = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        for name in sorted(_in_file(path, wanted)):
            found.append(f"{name} in {path.relative_to(folder)}")
    return found


def _in_file(path: Path, wanted: Mapping[str, set[bytes]]) -> set[str]:
    data = path.read_bytes()
    found = _in_bytes(data, wanted, _DEPTH)
    if data.startswith(b"SQLite format 3\0"):
        for cell in _cells(path):
            found |= _in_bytes(cell, wanted, _DEPTH)
    return found


def _in_bytes(data: bytes, wanted: Mapping[str, set[bytes]], depth: int) -> set[str]:
    found = {name for name, forms in wanted.items() if any(form in data for form in forms)}
    if depth:
        for inner in _inside(data):
            found |= _in_bytes(inner, wanted, depth - 1)
    return found


def _inside(data: bytes) -> Iterator[bytes]:
    """What is compressed or base64 in the data."""
    for match in re.finditer(rb"\x1f\x8b\x08", data):
        yield from _gunzip(data[match.start() :])
    for match in _ZLIB.finditer(data):
        try:
            yield zlib.decompressobj().decompress(data[match.start() :], _CHUNK)
        except zlib.error:
            continue
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    if len(data) < 1_000_000:
        for match in _BASE64.finditer(data):
            text = match.group().rstrip(b"=")
            try:
                inner = base64.b64decode(text.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(text) % 4))
            except ValueError:
                continue
            if inner[:3] == b"\x1f\x8b\x08" or _ZLIB.match(inner):
                yield inner


def _gunzip(data: bytes) -> Iterator[bytes]:
    try:
        yield gzip.GzipFile(fileobj=io.BytesIO(data)).read(_CHUNK)
    except (OSError, EOFError, zlib.error):
        return


def _cells(path: Path) -> Iterator[bytes]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        db.text_factory = bytes
        tables = [row[0].decode() for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        for table in tables:
            for row in db.execute(f'SELECT * FROM "{table}"'):
                for cell in row:
                    if isinstance(cell, bytes) and len(cell) >= 6:
                        yield cell
