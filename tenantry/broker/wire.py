"""What goes over the socket: frames of JSON, and errors that stay what they are on the other side.

A frame is four bytes of length (big-endian) and that much UTF-8 JSON. Bytes are base64 inside it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tenantry import errors
from tenantry.errors import BrokerUnavailable, InvalidInput, RateLimited, TenantryError

MAX_FRAME: Final = 2_097_152
"""Bytes: a secret of 1 MiB in base64 and what stands around it."""
LENGTH: Final = struct.Struct(">I")
_PEER: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel knows it."""

    pid: int
    uid: int


def peer_of(connection: socket.socket) -> Peer:
    """Who connected (unix(7), SO_PEERCRED: as they were when they did)."""
    pid, uid, _gid = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return Peer(pid, uid)


def encode(message: Mapping[str, Any]) -> bytes:
    """A frame.

    Raises:
        InvalidInput: too long for one.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        raise InvalidInput(f"a message to the broker has at most {MAX_FRAME} bytes", place="broker")
    return LENGTH.pack(len(body)) + body


def decode(body: bytes) -> dict[str, Any]:
    """What a frame holds.

    Raises:
        InvalidInput: not a JSON object. Its text is not repeated.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput("not a message", place="broker")
    return found


def pack(value: bytes) -> str:
    """Bytes as text for a frame."""
    return base64.b64encode(value).decode("ascii")


def unpack(text: Any) -> bytes:
    """The bytes of `pack`.

    Raises:
        InvalidInput: not such text.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise InvalidInput("not base64", place="broker") from None


def error_out(error: TenantryError) -> dict[str, Any]:
    """An error as the answer of the broker."""
    shown = error.as_dict()
    if isinstance(error, RateLimited):
        shown["retry_after"] = error.retry_after
    return {"error": shown}


def error_in(shown: Mapping[str, Any]) -> TenantryError:
    """The error that the broker meant, as its own class: callers tell errors apart by class."""
    kind = _KINDS.get(str(shown.get("code")), TenantryError)
    message, remedy = str(shown.get("message", "")), str(shown.get("remedy", ""))
    detail = {str(k): v for k, v in dict(shown.get("detail") or {}).items() if str(k) not in {"message", "remedy"}}
    if kind is RateLimited:
        return RateLimited(message, retry_after=float(shown.get("retry_after") or 1.0))
    made = kind.__new__(kind)
    TenantryError.__init__(made, message, remedy=remedy or None, **detail)
    if isinstance(made, InvalidInput):
        made.place = None
    return made


def _below(kind: type[TenantryError]) -> Iterator[type[TenantryError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _below(inner)


# The tree of the module itself: an error that an extension adds below it comes back as the nearest of ours.
_KINDS: Final = {kind.code: kind for kind in _below(TenantryError) if kind.__module__ == errors.__name__}


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """A socket's address that fits: Linux takes 107 bytes of path (unix(7)), and a home may lie deeper than that."""
    text = str(path)
    if len(os.fsencode(text)) < 100:
        yield text
        return
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise BrokerUnavailable(f"{path.name} cannot be reached ({error.strerror})") from error
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
