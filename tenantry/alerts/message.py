"""From a proven message to alerts, each sealed so that only who works on alerts can read it."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretBytes, ValidationError

from tenantry.alerts.model import Alert, alert_id
from tenantry.alerts.reading import Reading
from tenantry.alerts.source import Source
from tenantry.drop.seal import Opening, Sealing
from tenantry.errors import InvalidInput, RecordError

__all__ = ["MAX_ALERTS", "MAX_BODY", "Sealed", "close_for", "open_for", "open_from_intake", "read", "seal_for_intake"]

MAX_BODY: Final = 262_144
"""Bytes of a message: EventBridge and SNS send as much at most, and no other source here more."""
MAX_ALERTS: Final = 100
"""Alerts of one message."""
_DROP: Final = "alerts"
"""Bound into the seal, so that nothing sealed for alerts opens as anything else."""
_LARGEST: Final = 4 << 20
_NONCE: Final = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """One alert on its way: what may be seen of it, and the rest sealed."""

    id: str
    severity: str
    body: bytes


def read(source: Source, body: Any, raw: bytes, settings: Mapping[str, Any]) -> list[tuple[Alert, bytes]]:
    """The alerts of a message, each with the source's own words.

    Args:
        body: the message, parsed.
        raw: the same as it came; what is kept where a message is one alert.

    Raises:
        InvalidInput: naming the field that is missing or wrong.
    """
    items = source.items(body, settings)
    if len(items) > MAX_ALERTS:
        raise InvalidInput(f"more than {MAX_ALERTS} alerts in one message", place="body")
    found = []
    for number, item in enumerate(items):
        try:
            alert = source.read(Reading(item, "body" if len(items) == 1 else f"body.{number}"), settings)
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
            raise InvalidInput("is not what an alert has there", place=place) from None
        if alert is not None:
            found.append((alert, raw if len(items) == 1 else orjson.dumps(item)))
    return found


def seal_for_intake(name: str, alert: Alert, raw: bytes, public: bytes | Sealing) -> Sealed:
    """Seal an alert to the intake's public key.

    Args:
        name: the source's, in estate.yaml.
        public: what seals to it, where several alerts are sealed together.
    """
    one = alert_id(name, alert.uid)
    to = public if isinstance(public, Sealing) else Sealing(public)
    return Sealed(one, alert.severity, to.seal(_packed(alert, raw), _DROP, one))


def open_from_intake(one: str, body: bytes, private: SecretBytes | Opening) -> tuple[Alert, bytes]:
    """An alert and its source's own words.

    Raises:
        RecordError: it does not open, or is none.
    """
    try:
        opening = private if isinstance(private, Opening) else Opening(private)
        return _unpacked(opening.open(body, _DROP, one).get_secret_value())
    except InvalidInput:
        raise _unreadable(one) from None


def close_for(key: bytes, one: str, alert: Alert, raw: bytes) -> bytes:
    """As it is kept: under a client's own key, so that it ends with that key."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, _packed(alert, raw), one.encode())


def open_for(key: bytes, one: str, kept: bytes) -> tuple[Alert, bytes]:
    """Raises RecordError: it does not open."""
    try:
        return _unpacked(AESGCM(key).decrypt(kept[:_NONCE], kept[_NONCE:], one.encode()))
    except InvalidTag:
        raise _unreadable(one) from None


def _packed(alert: Alert, raw: bytes) -> bytes:
    head = orjson.dumps(alert.model_dump(mode="json"))
    return zlib.compress(len(head).to_bytes(4, "big") + head + raw, 1)


def _unpacked(packed: bytes) -> tuple[Alert, bytes]:
    whole = zlib.decompressobj().decompress(packed, _LARGEST)
    length = int.from_bytes(whole[:4], "big")
    return Alert.model_validate(orjson.loads(whole[4 : 4 + length])), whole[4 + length :]


def _unreadable(one: str) -> RecordError:
    return RecordError(f"the alert {one} cannot be read: its key was replaced, or it was altered")
