"""One entry of the record, its digest, and the sealing of its payload.

An entry holds nothing that identifies a person or a target: opaque ids, times, event names and digests. Whatever does
identify (actor, target, item, parameters, text) is the payload, encrypted under the tenant's key and bound by
``payload_digest = SHA-256(salt ‖ JCS(payload))``. Erasing a payload therefore leaves the entry verifiable.

The leaf is RFC 6962's ``SHA-256(0x00 ‖ JCS(entry))`` (JCS: RFC 8785), and ``prev`` is the leaf before it in the same tree,
so Merkle trees and signed checkpoints can be built over existing journals. The monotonic reading is in microseconds: JCS
numbers are IEEE doubles, which nanoseconds of uptime leave after 104 days.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
import rfc8785
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import from_json

from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.errors import InvalidInput, JournalCorrupt

VERSION: Final = 1
GENESIS: Final = "0" * 64
ERASED: Final = b""
"""What stands in the place of a payload that was erased."""
KEPT_FOR_GOOD: Final = frozenset(
    {"payload.erased", "checkpoint.witnessed", "checkpoint.timestamped", "signing_key.begun"}
)
"""Events whose payload is never erased: they name nobody but who erased or signed, and the record rests on them."""
_ID = 16
_SALT = 16
_NONCE = 12
_EXACT = 2**53 - 1
_HALF_PAIR = re.compile(r"[\ud800-\udfff]")
_FIELDS = frozenset(
    {"v", "tree", "seq", "id", "ts", "mono_us", "flow", "run_id", "step", "attempt", "event", "outcome"}
    | {"payload_digest", "prev"}
)
_SHA256: Final = hashlib.sha256()
_LEAF: Final = hashlib.sha256(b"\x00")
"""Copied, because OpenSSL looks up the algorithm for each hash that begins anew."""
_SORTED_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be appended. ``payload`` is JSON without floats; no secrets. A half of a surrogate pair, which no
    Unicode text can hold, is recorded as U+FFFD: an attacker who names things so must not stop the record."""

    event: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    step: str | None = None
    attempt: int = 0
    outcome: str | None = None
    flow: tuple[str, str] | None = None
    """Runbook id and version."""


class Draft(NamedTuple):
    """An event whose payload is known to be recordable."""

    event: Event
    payload: bytes
    """JCS."""


class Closed(NamedTuple):
    """A draft with its payload sealed: what it lacks is its place and time."""

    event: Event
    id: str
    sealed: bytes
    payload_digest: str


class Entry(NamedTuple):
    """What was appended: the canonical bytes and their leaf hash."""

    body: bytes
    leaf: bytes
    fields: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.fields["id"])

    @property
    def seq(self) -> int:
        return int(self.fields["seq"])

    @property
    def event(self) -> str:
        return str(self.fields["event"])

    @property
    def at(self) -> datetime:
        return parse_rfc3339(self.fields["ts"])


@dataclass(frozen=True, slots=True)
class Record:
    """An entry with its payload opened; ``payload`` is None when it was erased. ``salt``: what the digest in the entry begins
    with, where the payload was read from the record."""

    entry: Entry
    payload: Mapping[str, Any] | None
    salt: bytes | None = field(default=None, compare=False)

    @property
    def event(self) -> str:
        return self.entry.event

    @property
    def at(self) -> datetime:
        return self.entry.at

    @property
    def step(self) -> str | None:
        step: str | None = self.entry.fields["step"]
        return step

    @property
    def outcome(self) -> str | None:
        outcome: str | None = self.entry.fields["outcome"]
        return outcome

    @property
    def data(self) -> Mapping[str, Any]:
        return self.payload or {}


def leaf_hash(body: bytes) -> bytes:
    leaf = _LEAF.copy()
    leaf.update(body)
    return leaf.digest()


def canonical(value: Any) -> bytes:
    """JCS bytes (RFC 8785). Raises ValueError on what JCS cannot express exactly."""
    return _sorted_json(value) if _plain(value) else rfc8785.dumps(value)


def _sorted_json(value: Any) -> bytes:
    """The bytes of JCS, ten times as fast, where nothing is in it that JCS does differently: numbers with a fraction, keys sorted
    by UTF-16."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # Nested deeper than it goes; or half a surrogate pair, which this one tells by a ValueError.
        return _SORTED_JSON.encode(value).encode()


def _plain(value: Any) -> bool:
    """Whether JCS and sorted JSON agree on it."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_EXACT <= value <= _EXACT)
    if kind is dict:
        for key, inner in value.items():
            if type(key) is not str or not key.isascii():
                return False
            if type(inner) is not str and inner is not None and not _plain(inner):
                return False
        return True
    return (kind is list or kind is tuple) and all(_plain(inner) for inner in value)


def draft(event: Event) -> Draft:
    """Raises InvalidInput: the payload is not JSON, or holds a number that JSON cannot keep exactly."""
    try:
        try:
            return Draft(event, canonical(event.payload))
        except ValueError:
            return Draft(event, canonical(_scrubbed(event.payload)))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"what {event.event} says cannot be recorded exactly ({type(error).__name__})",
            place=f"step {event.step}" if event.step else None,
        ) from error


def _scrubbed(value: Any) -> Any:
    """The value with U+FFFD in place of halves of surrogate pairs."""
    if isinstance(value, str):
        return _HALF_PAIR.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {_scrubbed(key): _scrubbed(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrubbed(inner) for inner in value]
    return value


def jsonable(value: Any) -> Any:
    """The value as JSON, times as RFC 3339: what goes into payloads and approval digests."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return {key: jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(inner) for inner in value]
    return value


def digest(value: Any) -> str:
    """SHA-256 over the canonical bytes, hex: how arguments are bound to an approval."""
    return hashlib.sha256(canonical(value)).hexdigest()


def build(
    event: Event, *, tree: str, seq: int, entry_id: str, ts: str, mono_us: int, payload_digest: str, prev: str
) -> Entry:
    # In the order of JCS.
    fields: dict[str, Any] = {
        "attempt": event.attempt,
        "event": event.event,
        "flow": {"name": event.flow[0], "version": event.flow[1]} if event.flow else None,
        "id": entry_id,
        "mono_us": mono_us,
        "outcome": event.outcome,
        "payload_digest": payload_digest,
        "prev": prev,
        "run_id": event.run_id,
        "seq": seq,
        "step": event.step,
        "tree": tree,
        "ts": ts,
        "v": VERSION,
    }
    # What its fields are is known, so nobody need look whether JCS and sorted JSON agree on them.
    body = _sorted_json(fields) if mono_us <= _EXACT and seq <= _EXACT else canonical(fields)
    return Entry(body, leaf_hash(body), fields)


def load(body: bytes) -> Entry:
    """Raises JournalCorrupt: these are not the bytes of an entry."""
    fields = fields_of(body)
    return Entry(body=body, leaf=leaf_hash(body), fields=fields)


def fields_of(body: bytes) -> dict[str, Any]:
    """What an entry's bytes say. Raises JournalCorrupt: these are not the bytes of an entry."""
    try:
        fields = from_json(body)  # three times as fast as json.loads
    except (ValueError, TypeError) as error:
        raise JournalCorrupt("an entry is not readable") from error
    # SQLite stores any type in any column, whatever the schema says.
    if not isinstance(body, bytes) or not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise JournalCorrupt("an entry has not the fields of one")
    return fields


class Sealer:
    """Encrypts payloads of one tenant for storage beside their entries."""

    def __init__(self, key: bytes) -> None:
        self._encrypt = AESGCM(key).encrypt

    def seal(self, payload: bytes, entry_id: str) -> tuple[bytes, str]:
        """Encrypt a payload (JCS).

        Returns:
            the sealed bytes (nonce ‖ AES-256-GCM ciphertext of salt ‖ JCS, entry id as associated data) and the digest for the
            entry, hex.
        """
        return self._sealed(payload, entry_id, os.urandom(_SALT + _NONCE))

    def _sealed(self, payload: bytes, entry_id: str, drawn: bytes) -> tuple[bytes, str]:
        plain, nonce = drawn[:_SALT] + payload, drawn[_SALT:]
        digest = _SHA256.copy()
        digest.update(plain)
        return nonce + self._encrypt(nonce, plain, entry_id.encode()), digest.hexdigest()

    def close(self, one: Draft) -> Closed:
        """Give it an id, and seal its payload."""
        drawn = os.urandom(_ID + _SALT + _NONCE)
        entry_id = drawn[:_ID].hex()
        return Closed(one.event, entry_id, *self._sealed(one.payload, entry_id, drawn[_ID:]))


def seal(payload: bytes, *, key: bytes, entry_id: str) -> tuple[bytes, str]:
    """Encrypt one payload; see :meth:`Sealer.seal`."""
    return Sealer(key).seal(payload, entry_id)


def unseal(sealed: bytes, *, key: bytes, entry: Entry) -> Mapping[str, Any]:
    """Open a payload and prove that it is the entry's own.

    Raises:
        JournalCorrupt: the payload does not open, or is not the one that the entry was made with.
    """
    return Opener(key).record(sealed, entry).data


class Opener:
    """Opens many payloads of one tenant."""

    def __init__(self, key: bytes) -> None:
        self._decrypt = AESGCM(key).decrypt

    def record(self, sealed: bytes, entry: Entry) -> Record:
        """The entry with its payload and its salt. Raises JournalCorrupt."""
        plain = self.salted(sealed, entry.id, entry.fields["payload_digest"])
        return Record(entry, json.loads(plain[_SALT:]), plain[:_SALT])

    def open(self, sealed: bytes, entry_id: str, payload_digest: str) -> bytes:
        """The payload's canonical bytes. Raises JournalCorrupt."""
        return self.salted(sealed, entry_id, payload_digest)[_SALT:]

    def salted(self, sealed: bytes, entry_id: str, payload_digest: str) -> bytes:
        """Salt and canonical bytes, over which the digest is. Raises JournalCorrupt."""
        try:
            plain = self._decrypt(sealed[:_NONCE], sealed[_NONCE:], entry_id.encode())
        except (InvalidTag, ValueError, TypeError) as error:
            raise JournalCorrupt(f"the payload of entry {entry_id} does not open", entry=entry_id) from error
        if hashlib.sha256(plain).hexdigest() != payload_digest:
            raise JournalCorrupt(f"the payload of entry {entry_id} is not the one recorded", entry=entry_id)
        return plain
