"""Who can prove a message, and who cannot."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

import pytest

from tenantry.alerts.proof import WINDOW, prove
from tenantry.errors import NotAuthenticated

NOW = 1_763_629_200.0
BODY = b'{"a":1}'
SECRET = b"canary-secret-of-the-source"
WHSEC = b"whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef")


def signed(secret: bytes = SECRET, at: float = NOW, body: bytes = BODY) -> dict[str, str]:
    made = hmac.new(secret, f"v1:{at:.0f}:".encode() + body, hashlib.sha256).hexdigest()
    return {"x-alert-timestamp": f"{at:.0f}", "x-alert-signature": f"v1={made}"}


def svix(secret: bytes = WHSEC, at: float = NOW, body: bytes = BODY, prefix: str = "svix") -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix(b"whsec_"))
    made = base64.b64encode(hmac.new(key, f"msg_1.{at:.0f}.".encode() + body, hashlib.sha256).digest()).decode()
    return {
        f"{prefix}-id": "msg_1",
        f"{prefix}-timestamp": f"{at:.0f}",
        f"{prefix}-signature": f"v1,bm9wZQ== v1,{made}",
    }


def proven(scheme: str, headers: Mapping[str, str], *secrets: bytes, body: bytes = BODY) -> bool:
    said = ""
    try:
        prove(scheme, secrets or (WHSEC if scheme == "svix" else SECRET,), headers, body, NOW)
    except NotAuthenticated as refusal:
        said = f"{refusal} {refusal.remedy}"
    assert SECRET.decode() not in said
    return not said


def test_a_token() -> None:
    assert proven("token", {"authorization": f"Bearer {SECRET.decode()}"})
    assert proven("token", {"x-alert-token": SECRET.decode()})
    assert not proven("token", {"x-alert-token": SECRET.decode() + "x"})
    assert not proven("token", {"authorization": f"Basic {SECRET.decode()}"})
    assert not proven("token", {})
    assert not proven("token", {"x-alert-token": ""}, b"")


def test_an_hmac() -> None:
    assert proven("hmac", signed())
    assert proven("hmac", signed(b"new"), SECRET, b"new"), "both are good while one replaces the other"
    assert not proven("hmac", signed(b"other"))
    assert not proven("hmac", signed(), body=b'{"a":2}')
    assert not proven("hmac", signed(at=NOW - WINDOW - 1)), "a replay"
    assert not proven("hmac", signed(at=NOW + WINDOW + 1))
    assert not proven("hmac", signed() | {"x-alert-timestamp": f"{NOW + 1:.0f}"})
    assert not proven("hmac", {"x-alert-signature": "v1="})


@pytest.mark.parametrize("prefix", ["svix", "webhook"])
def test_svix(prefix: str) -> None:
    assert proven("svix", svix(prefix=prefix))
    assert not proven("svix", svix(prefix=prefix), body=b"{}")
    assert not proven("svix", svix(prefix=prefix, at=NOW - WINDOW - 1))
    assert not proven("svix", svix(prefix=prefix) | {f"{prefix}-id": "msg_2"})
    assert not proven("svix", svix(prefix=prefix), b"whsec_not base64!")


def test_svix_against_its_own_published_vector() -> None:
    """Of https://docs.svix.com/receiving/verifying-payloads/how-manual."""
    headers = {
        "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "svix-timestamp": "1614265330",
        "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    prove("svix", [b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], headers, b'{"test": 2432232314}', 1_614_265_330)


@pytest.mark.parametrize("scheme", ["sns", "none", ""])
def test_what_is_no_scheme_of_secrets_proves_nothing(scheme: str) -> None:
    assert not proven(scheme, {"x-alert-token": SECRET.decode()})
