"""Amazon SNS's own signature over its messages, and where its certificate may come from.

Signed are lines of names and values in this order: Message, MessageId, Subject (where there is one), Timestamp, TopicArn, Type; for
confirmations SubscribeURL and Token take their places. ``SignatureVersion`` 2 is SHA-256 with RSA; version 1 (SHA-1) is refused:
set the topic's attribute ``SignatureVersion`` to 2. https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from tenantry.alerts.proof import WINDOW
from tenantry.errors import NotAuthenticated

__all__ = ["CONFIRMATION", "NOTIFICATION", "certificate_url", "confirmation_url", "verify"]

NOTIFICATION: Final = "Notification"
CONFIRMATION: Final = "SubscriptionConfirmation"
_SIGNED: Final = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HOST: Final = r"https://sns\.[a-z]{2}(?:-[a-z]+)+-\d\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE: Final = re.compile(_HOST + r"/SimpleNotificationService-[0-9a-zA-Z]{1,64}\.pem")
_CONFIRM: Final = re.compile(_HOST + r"/\?Action=ConfirmSubscription&[A-Za-z0-9%&=_:.~+/-]{1,1000}")
_RETRIED: Final = 3_600.0
"""Seconds for which SNS tries to deliver a message again (its default policy); the signed time is the first try's."""


def certificate_url(message: Mapping[str, Any]) -> str:
    """Where the certificate is. Raises NotAuthenticated: not at SNS itself."""
    return _ours(message.get("SigningCertURL"), _CERTIFICATE)


def confirmation_url(message: Mapping[str, Any]) -> str:
    """What confirms a subscription when it is visited. Raises NotAuthenticated: not at SNS itself."""
    return _ours(message.get("SubscribeURL"), _CONFIRM)


def verify(message: Mapping[str, Any], certificate: bytes, topics: Collection[str], now: float) -> None:
    """Return when SNS signed the message, lately, for one of these topics.

    Args:
        certificate: PEM, from `certificate_url`.
        topics: ARNs. Anybody can have a topic, so the signature alone says nothing.
        now: Unix time.

    Raises:
        NotAuthenticated.
    """
    names = _SIGNED.get(str(message.get("Type")), ())
    if not names or message.get("SignatureVersion") != "2" or message.get("TopicArn") not in topics:
        raise _unproven()
    lines = [(name, message[name]) for name in names if name in message]
    if any(not isinstance(value, str) for _, value in lines):
        raise _unproven()
    signed = "".join(f"{name}\n{value}\n" for name, value in lines).encode()
    try:
        found = x509.load_pem_x509_certificate(certificate)
        key = found.public_key()
        if not isinstance(key, RSAPublicKey):
            raise _unproven()
        key.verify(base64.b64decode(str(message.get("Signature", "")), validate=True), signed, PKCS1v15(), SHA256())
        at = datetime.fromisoformat(str(message.get("Timestamp")))
    except (InvalidSignature, ValueError, binascii.Error):
        raise _unproven() from None
    when = datetime.fromtimestamp(now, UTC)
    if not found.not_valid_before_utc <= when <= found.not_valid_after_utc or at.tzinfo is None:
        raise _unproven()
    if not -WINDOW <= now - at.timestamp() <= _RETRIED + WINDOW:
        raise _unproven()


def _ours(url: Any, pattern: re.Pattern[str]) -> str:
    if not isinstance(url, str) or not pattern.fullmatch(url):
        raise _unproven()
    return url


def _unproven() -> NotAuthenticated:
    return NotAuthenticated(
        "the message is not proven to be of a topic of ours",
        remedy="Check the source's topics, and SignatureVersion 2.",
    )
