"""A topic of Amazon SNS, as far as its messages go: a key and a certificate, and messages signed as SNS signs them."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


class Topic:
    def __init__(self, arn: str) -> None:
        self.arn = arn
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self._key, SHA256())
        )
        self.certificate = made.public_bytes(Encoding.PEM)
        account = arn.split(":")[4]
        self.certificate_url = f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{account}.pem"
        self.subscribe_url = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={arn}&Token=abc"

    def notification(self, message: str, *, at: float | None = None, **more: Any) -> dict[str, Any]:
        return self._signed({"Type": "Notification", "Message": message}, at, more)

    def confirmation(self, **more: Any) -> dict[str, Any]:
        said = {
            "Type": "SubscriptionConfirmation",
            "Message": "confirm",
            "Token": "abc",
            "SubscribeURL": self.subscribe_url,
        }
        return self._signed(said, None, more)

    def _signed(self, said: dict[str, Any], at: float | None, more: dict[str, Any]) -> dict[str, Any]:
        moment = datetime.fromtimestamp(at if at is not None else time.time(), UTC)
        message = {
            "MessageId": "da41e39f-ea4d-435a-b922-c6aae3915ebe",
            "TopicArn": self.arn,
            "Timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "SignatureVersion": "2",
            "SigningCertURL": self.certificate_url,
            **said,
            **more,
        }
        lines = "".join(f"{name}\n{message[name]}\n" for name in _SIGNED[message["Type"]] if name in message)
        message["Signature"] = base64.b64encode(self._key.sign(lines.encode(), PKCS1v15(), SHA256())).decode()
        return message
