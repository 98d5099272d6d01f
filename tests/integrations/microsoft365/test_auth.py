from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretBytes

from integrations.microsoft365 import auth
from integrations.microsoft365.auth import client_assertion, unverified_claims
from integrations.microsoft365.provider import PROVIDER, Microsoft365Handle
from tenantry.errors import OutOfScope, SignInFailed, VendorFault
from tests.integrations.microsoft365.conftest import CANARY, Stand


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tenantry")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def private(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
    )


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


async def with_certificate(stand: Stand, pem: bytes) -> Microsoft365Handle:
    async def secrets(name: str) -> SecretBytes:
        assert name == "certificate"
        return SecretBytes(pem)

    handle = await PROVIDER.open(
        stand.settings.model_copy(update={"credential": "certificate"}), secrets, transport=stand.wire
    )
    stand.handles.append(handle)
    return handle


def tokens(stand: Stand) -> list[httpx.Request]:
    return stand.wire.sent("POST", "/oauth2/v2.0/token")


# --- by secret --------------------------------------------------------------------------------------------------------


async def test_signing_in_waits_for_the_first_call_and_serves_all(stand: Stand, handle: Microsoft365Handle) -> None:
    assert stand.wire.requests == []
    identity = handle.capability("identity")
    await asyncio.gather(*(identity.account(stand.user) for _ in range(20)))
    assert len(tokens(stand)) == 1
    form = parse_qs(tokens(stand)[0].content.decode())
    assert form["grant_type"] == ["client_credentials"]
    assert form["scope"] == ["https://graph.microsoft.com/.default"]


async def test_many_refused_at_once_sign_in_once(stand: Stand, handle: Microsoft365Handle) -> None:
    identity = handle.capability("identity")
    await identity.account(stand.user)
    stand.lab.tokens.expire_all()
    await asyncio.gather(*(identity.account(stand.user) for _ in range(20)))
    assert len(tokens(stand)) == 2


async def test_each_service_has_a_token_of_its_own(stand: Stand, handle: Microsoft365Handle) -> None:
    await handle.capability("identity").account(stand.user)
    await handle.capability("mail").forwarding(stand.user)
    scopes = [parse_qs(request.content.decode())["scope"][0] for request in tokens(stand)]
    assert scopes == ["https://graph.microsoft.com/.default", "https://outlook.office365.com/.default"]


async def test_a_wrong_secret(stand: Stand) -> None:
    stand.secret = CANARY
    handle = await stand.open()
    with pytest.raises(SignInFailed) as caught:
        await handle.capability("identity").account(stand.user)
    assert caught.value.detail["aadsts"] == "AADSTS7000215"
    assert caught.value.detail["request_id"]
    assert "secret" in caught.value.remedy
    assert CANARY not in json.dumps(caught.value.as_dict()) + repr(caught.value)
    assert len(tokens(stand)) == 1, "a refused credential is not tried again: that locks accounts"


async def test_an_unknown_application(stand: Stand) -> None:
    handle = await stand.open(client_id="00000000-1111-2222-3333-444444444444")
    with pytest.raises(SignInFailed) as caught:
        await handle.capability("identity").account(stand.user)
    assert caught.value.detail["aadsts"] == "AADSTS700016"


async def test_another_tenants_endpoint(stand: Stand) -> None:
    handle = await stand.open(tenant_id="00000000-1111-2222-3333-444444444444")
    with pytest.raises(SignInFailed) as caught:
        await handle.capability("identity").account(stand.user)
    assert caught.value.detail["aadsts"] == "AADSTS90002"


async def test_a_token_of_another_tenant_is_not_used(stand: Stand, handle: Microsoft365Handle) -> None:
    foreign = jwt.encode({"tid": "99999999-0000-0000-0000-000000000000"}, "k" * 32)
    stand.wire.instead = lambda _request: httpx.Response(200, json={"access_token": foreign, "expires_in": 3600})
    with pytest.raises(OutOfScope):
        await handle.capability("identity").account(stand.user)
    assert len(stand.wire.requests) == 1


async def test_an_opaque_token_is_taken(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.wire.instead = lambda request: (
        httpx.Response(200, json={"access_token": "opaque", "expires_in": "3600"})
        if request.url.path.endswith("/token")
        else httpx.Response(200, json={"id": "1", "userPrincipalName": "a@b", "accountEnabled": True})
    )
    assert (await handle.capability("identity").account("a@b")).upn == "a@b"
    assert stand.wire.requests[-1].headers["authorization"] == "Bearer opaque"


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, [], {"access_token": 5}])
async def test_an_answer_without_a_token(stand: Stand, handle: Microsoft365Handle, body: object) -> None:
    stand.wire.instead = lambda _request: httpx.Response(200, json=body)
    with pytest.raises(VendorFault):
        await handle.capability("identity").account(stand.user)


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "throttle", "style": "date"},
        {"fault": "error", "status": 503, "style": "json"},
        {"fault": "error", "status": 502, "style": "html"},
        {"fault": "drop"},
    ],
    ids=lambda fault: fault["fault"] + str(fault.get("status", "")),
)
async def test_the_endpoints_own_faults_are_outlived(
    stand: Stand, handle: Microsoft365Handle, fault: dict[str, object]
) -> None:
    stand.faults(script=[{"match": {"path": "/login/"}, "nth": 1, **fault}])
    await handle.capability("identity").account(stand.user)


async def test_a_write_whose_sign_in_fails_was_not_done(stand: Stand, handle: Microsoft365Handle) -> None:
    """Not in doubt: nothing but the sign-in was sent, and that has been repeated already."""
    stand.wire.instead = lambda request: httpx.Response(500) if request.url.path.endswith("/token") else None
    with pytest.raises(VendorFault):
        await handle.capability("identity").set_enabled(stand.user, False)
    assert len(tokens(stand)) == 5
    assert stand.lab.audit == []


async def test_a_token_is_renewed_before_it_ends_and_used_on_when_that_fails(
    stand: Stand, handle: Microsoft365Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = handle.capability("identity")
    await identity.account(stand.user)
    started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: started + 3400)
    await identity.account(stand.user)
    assert len(tokens(stand)) == 2
    monkeypatch.setattr(time, "monotonic", lambda: started + 6800)
    stand.wire.instead = lambda request: httpx.Response(500) if request.url.path.endswith("/token") else None
    await identity.account(stand.user)
    asked = len(tokens(stand))
    assert asked > 2
    await identity.account(stand.user)
    assert len(tokens(stand)) == asked, "not again at each call"
    monkeypatch.setattr(time, "monotonic", lambda: started + 9000)
    with pytest.raises(VendorFault):
        await identity.account(stand.user)


# --- by certificate ---------------------------------------------------------------------------------------------------


async def test_signing_in_by_certificate(stand: Stand, rsa_key: rsa.RSAPrivateKey) -> None:
    ours = certificate(rsa_key)
    stand.lab.register_certificate(ours)
    handle = await with_certificate(stand, private(rsa_key) + ours)
    assert (await handle.check()).signed_in
    assertions = [parse_qs(request.content.decode())["client_assertion"][0] for request in tokens(stand)]
    assert len(assertions) == len({unverified_claims(one)["jti"] for one in assertions}) == 2
    header = jwt.get_unverified_header(assertions[0])
    assert header["alg"] == "PS256"
    assert "x5t#S256" in header
    assert "client_secret" not in parse_qs(tokens(stand)[0].content.decode())


async def test_an_assertion_is_used_once_even_when_repeated(stand: Stand, rsa_key: rsa.RSAPrivateKey) -> None:
    ours = certificate(rsa_key)
    stand.lab.register_certificate(ours)
    handle = await with_certificate(stand, ours + private(rsa_key))
    lost = [httpx.ReadTimeout("x")]
    stand.wire.after = lambda _request, _response: lost.pop() if lost else None
    assert (await handle.capability("identity").account(stand.user)).upn == stand.user


async def test_a_certificate_that_is_not_registered(stand: Stand, rsa_key: rsa.RSAPrivateKey) -> None:
    handle = await with_certificate(stand, private(rsa_key) + certificate(rsa_key))
    with pytest.raises(SignInFailed) as caught:
        await handle.capability("identity").account(stand.user)
    assert caught.value.detail["aadsts"] == "AADSTS700027"


def test_the_assertion(rsa_key: rsa.RSAPrivateKey) -> None:
    found = client_assertion(private(rsa_key) + certificate(rsa_key), "client", "https://login/token", now=1_000_000)
    claims = jwt.decode(
        found,
        rsa_key.public_key(),
        algorithms=["PS256"],
        audience="https://login/token",
        options={"verify_exp": False, "verify_nbf": False},
    )
    assert (claims["iss"], claims["sub"], claims["exp"] - 1_000_000) == ("client", "client", 600)


def test_the_keys_own_certificate_is_named_among_several(rsa_key: rsa.RSAPrivateKey) -> None:
    own = certificate(rsa_key)
    others = certificate(rsa.generate_private_key(65537, 2048)) + certificate(ec.generate_private_key(ec.SECP256R1()))
    digest = x509.load_pem_x509_certificate(own).fingerprint(hashes.SHA256())
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    for pem in (private(rsa_key) + own, others + private(rsa_key) + own, own + others + private(rsa_key)):
        assert jwt.get_unverified_header(client_assertion(pem, "c", "a"))["x5t#S256"] == expected


@pytest.mark.parametrize("which", ["nothing", "no key", "no certificate", "locked", "other key", "elliptic"])
def test_a_certificate_that_cannot_be_used(rsa_key: rsa.RSAPrivateKey, which: str) -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    pem = {
        "nothing": CANARY.encode(),
        "no key": certificate(rsa_key),
        "no certificate": private(rsa_key),
        "locked": private(rsa_key, b"secret") + certificate(rsa_key),
        "other key": private(rsa_key) + certificate(rsa.generate_private_key(65537, 2048)),
        "elliptic": private(elliptic) + certificate(elliptic),
    }[which]
    with pytest.raises(SignInFailed) as caught:
        client_assertion(pem, "client", "audience")
    assert "PRIVATE" not in repr(caught.value)
    assert CANARY not in repr(caught.value) + json.dumps(caught.value.as_dict())
    assert caught.value.__context__ is None


@pytest.mark.parametrize("token", ["", "a.b", "a.!!.c", "a.bm90anNvbg.c", "a.W10.c", "é.é.é"])
def test_claims_of_what_is_no_token(token: str) -> None:
    assert unverified_claims(token) == {}


async def test_a_certificate_says_when_it_ends() -> None:
    from datetime import UTC, datetime

    import integrations.microsoft365.auth as auth
    from tests.support.tls import authority

    class Nothing:
        vendor = "microsoft365"

    async def secrets(_name: str) -> SecretBytes:
        return SecretBytes(authority().pem.encode())

    def tokens(kind: str) -> auth.Tokens:
        return auth.Tokens(
            Nothing(),
            tenant_id="t",
            client_id="c",
            token_url="https://x/",
            kind=kind,
            secrets=secrets,  # type: ignore[arg-type]
        )

    expires = await tokens("certificate").certificate_expires()
    assert expires is not None
    assert 58 <= (expires - datetime.now(UTC)).days <= 60
    assert await tokens("client_secret").certificate_expires() is None


# --- signing in before somebody asks ----------------------------------------------------------------------------------


async def settled() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def test_ahead_signs_in_once_for_who_asks_later(stand: Stand, handle: Microsoft365Handle) -> None:
    handle.ahead({"identity"})
    handle.ahead({"identity"})
    await settled()
    assert len(tokens(stand)) == 1
    await handle.capability("identity").account(stand.user)
    assert len(tokens(stand)) == 1


@pytest.mark.parametrize("wanted", ["mail", "mail_flow"])
async def test_ahead_signs_in_to_exchange_where_mailboxes_are_wanted(
    stand: Stand, handle: Microsoft365Handle, wanted: str
) -> None:
    handle.ahead({"identity", wanted})
    await settled()
    assert len(tokens(stand)) == 2


async def test_who_asks_hears_that_a_sign_in_ahead_was_refused(stand: Stand) -> None:
    """And no second one is made for them: that locks accounts."""
    stand.secret = CANARY
    handle = await stand.open()
    handle.ahead({"identity"})
    await settled()
    with pytest.raises(SignInFailed):
        await handle.capability("identity").account(stand.user)
    assert len(tokens(stand)) == 1
    with pytest.raises(SignInFailed):  # asked again, it is tried again
        await handle.capability("identity").account(stand.user)
    assert len(tokens(stand)) == 2


async def test_a_refusal_of_long_ago_does_not_count(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    good, stand.secret = stand.secret, CANARY
    handle = await stand.open()
    handle.ahead({"identity"})
    await settled()
    stand.secret = good
    monkeypatch.setattr(auth, "_FRESH", -1.0)
    assert (await handle.capability("identity").account(stand.user)).upn == stand.user


async def test_many_callers_hear_the_same_refusal(stand: Stand) -> None:
    stand.secret = CANARY
    handle = await stand.open()
    identity = handle.capability("identity")
    found = await asyncio.gather(*(identity.account(stand.user) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(one, SignInFailed) for one in found)
    assert len(tokens(stand)) == 1


async def test_a_token_that_was_refused_is_not_given_again(stand: Stand, handle: Microsoft365Handle) -> None:
    handle.ahead({"identity"})
    await settled()
    stand.lab.tokens.expire_all()
    assert (await handle.capability("identity").account(stand.user)).upn == stand.user
    assert len(tokens(stand)) == 2


async def test_one_caller_who_gives_up_ends_nobody_elses_sign_in(stand: Stand, handle: Microsoft365Handle) -> None:
    identity = handle.capability("identity")
    first, second = (asyncio.create_task(identity.account(stand.user)) for _ in range(2))
    for _ in range(3):
        await asyncio.sleep(0)
    first.cancel()
    assert (await second).upn == stand.user
    assert len(tokens(stand)) == 1
