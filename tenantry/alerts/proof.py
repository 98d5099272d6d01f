"""Whether a message is from whom it says: by a token, by an HMAC, or by the vendor's own signature.

==========  ===========================================================================================================
``token``   ``Authorization: Bearer TOKEN`` or ``X-Alert-Token: TOKEN``, for vendors that sign nothing
``hmac``    ``X-Alert-Timestamp: SECONDS`` and ``X-Alert-Signature: v1=HEX``: HMAC-SHA256 over ``v1:SECONDS:BODY``
``svix``    ``svix-id``, ``svix-timestamp``, ``svix-signature`` (or ``webhook-…``): Standard Webhooks, https://www.standardwebhooks.com
``sns``     Amazon SNS's own signature, in the message (`tenantry.alerts.sns`); no secret
==========  ===========================================================================================================

A signed time may differ from ours by `WINDOW`. What is sent again within it is the same alert, by the source's own id.
Several secrets may be good at once, a line each, so that one can be replaced without a gap.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from tenantry.errors import NotAuthenticated

__all__ = ["HEADERS", "SCHEMES", "WINDOW", "prove"]

SCHEMES: Final = ("token", "hmac", "svix", "sns")
WINDOW: Final = 300.0
"""Seconds."""
_ID = ("svix-id", "webhook-id")
_TIME = ("svix-timestamp", "webhook-timestamp")
_SIGNED = ("svix-signature", "webhook-signature")
HEADERS: Final = frozenset(
    {"authorization", "x-alert-token", "x-alert-timestamp", "x-alert-signature", *_ID, *_TIME, *_SIGNED}
)
"""What of a request a proof can look at."""
_MOST: Final = 8
"""Signatures of one message that are tried."""


def prove(scheme: str, secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Return when the message is proven.

    Args:
        secrets: those that are good.
        headers: by lower-case name.
        now: Unix time.

    Raises:
        NotAuthenticated: it is not. The message never says what would have been right.
    """
    check = {"token": _token, "hmac": _hmac, "svix": _svix}.get(scheme)
    if check is None or not any(check(secret, headers, body, now) for secret in secrets if secret):
        raise NotAuthenticated(
            "the message is not proven", remedy="Check the source's secret on both sides, and its clock."
        )


def _token(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    del body, now
    kind, _, given = headers.get("authorization", "").partition(" ")
    offered = given.strip() if kind.lower() == "bearer" else headers.get("x-alert-token", "")
    # Digests of one length are compared, so that nothing tells how long the token is.
    return hmac.compare_digest(hashlib.sha256(offered.encode()).digest(), hashlib.sha256(secret).digest())


def _hmac(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    at = headers.get("x-alert-timestamp", "")
    if not _recent(at, now):
        return False
    made = hmac.new(secret, b"v1:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
    return _among(f"v1={made}", headers.get("x-alert-signature", "").split(","))


def _svix(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    one, at, signed = (next((headers[n] for n in names if n in headers), "") for names in (_ID, _TIME, _SIGNED))
    if not one or not _recent(at, now):
        return False
    try:
        key = base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
    except binascii.Error:
        return False
    made = hmac.new(key, f"{one}.{at}.".encode() + body, hashlib.sha256).digest()
    return _among(f"v1,{base64.b64encode(made).decode()}", signed.split(" "))


def _recent(at: str, now: float) -> bool:
    return at.isascii() and at.isdecimal() and len(at) <= 12 and abs(int(at) - now) <= WINDOW


def _among(made: str, given: Sequence[str]) -> bool:
    return any(hmac.compare_digest(made.encode(), one.strip().encode("utf-8", "replace")) for one in given[:_MOST])
