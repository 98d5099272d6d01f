"""Names that every system can store, made from names that somebody else chose.

A package is opened on systems that we do not know. So a name in it has no control characters, nothing that one of the usual file systems or
shells treats in its own way, no percent sign (RFC 8493, 2.1.3 has it encoded in manifests, and the usual validators do not decode it), none
of the device names of Windows, and no two names differ in case or Unicode composition alone (RFC 8493, 5.2 and 5.5). What cannot
stand is written byte by byte as ``~HH``; a name that had to be altered is listed with its original bytes in the package.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Sequence
from typing import Final

__all__ = ["folded", "portable", "shown"]

_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._-+,=@()[]{}#&!$;^")
_DEVICES: Final = frozenset(
    ("con", "prn", "aux", "nul", "conin$", "conout$", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)))
)
_LONGEST: Final = 200
"""Bytes of one part of a path: eCryptfs and some backup formats allow little more than this."""
_LONGEST_PATH: Final = 900
"""Bytes of a whole path below ``data/``: keys of S3 end at 1,024, with the prefix."""


def portable(parts: Sequence[bytes]) -> str:
    """The path that stands in the package, with ``/`` between its parts.

    Args:
        parts: the components as the source has them, outermost first. None of them means anything: ``..`` is a name like others.
    """
    path = "/".join(_component(part) for part in parts)
    if len(path.encode()) <= _LONGEST_PATH:
        return path
    return f"{_cut(path, _LONGEST_PATH - 40).rstrip('/ .')}~~{_mark(b'/'.join(parts))}"


def folded(path: str) -> str:
    """What is the same name on a system that ignores case or composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def apart(path: str, parts: Sequence[bytes]) -> str:
    """Another portable name, for one whose first choice is taken by a name that differs in case alone."""
    return f"{_cut(path, _LONGEST_PATH - 40)}~~{_mark(b'/'.join(parts))}"


def shown(parts: Sequence[bytes]) -> str:
    """The original for people and messages: what is no text, or could move a cursor, by its code."""
    text = b"/".join(parts).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)[:300]


def _component(raw: bytes) -> str:
    text = os.fsdecode(raw) if os.name == "posix" else raw.decode("utf-8", "surrogateescape")
    out = "".join(c if _stands(c) else _escaped(c) for c in text)
    if unicodedata.normalize("NFC", out) != out:  # marks that join what stands before them
        out = "".join(c if c in _PLAIN or c == "~" else _escaped(c) for c in out)
    if not out or set(out) <= {"."}:
        out = "".join(_escaped(c) for c in out) or "~00"
    if out[-1] in ". ":
        out = out[:-1] + _escaped(out[-1])
    if out[0] in " -":  # a dash would be an option to whoever names it in a shell
        out = _escaped(out[0]) + out[1:]
    if out.split(".", 1)[0].rstrip(" ").casefold() in _DEVICES:
        out = _escaped(out[0]) + out[1:]
    if len(out.encode()) > _LONGEST:
        out = f"{_cut(out, _LONGEST - 40).rstrip('. ')}~~{_mark(raw)}"
    return out


def _stands(c: str) -> bool:
    if c.isascii():
        return c in _PLAIN
    # Letters, marks, numbers; no format or private characters, which may reorder what is read, and nothing that is not UTF-8.
    return unicodedata.category(c)[0] in "LN" and unicodedata.normalize("NFC", c) == c


def _escaped(c: str) -> str:
    return "".join(f"~{byte:02X}" for byte in c.encode("utf-8", "surrogateescape"))


def _mark(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:32]


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode("utf-8", "ignore")
