from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from integrations.lab.tokens import ASSERTION_TYPE
from tenantry.errors import InvalidInput
from tests.integrations.lab.stand import BASE, EXCHANGE, GRAPH, Stand

KEY = rsa.generate_private_key(65537, 2048)


def certificate(stand: Stand, key: Any = KEY) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(stand.clock() - timedelta(days=1))
        .not_valid_after(stand.clock() + timedelta(days=30))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def assertion(
    stand: Stand, thumbprint: str, *, key: Any = KEY, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    now = int(stand.clock().timestamp())
    filled = {
        "aud": f"{BASE}/login/{stand.lab.tenant_id}/oauth2/v2.0/token",
        "iss": stand.lab.client_id,
        "sub": stand.lab.client_id,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "exp": now + 300,
        **claims,
    }
    filled = {name: value for name, value in filled.items() if value is not None}
    return jwt.encode(filled, key, "PS256", {"x5t#S256": thumbprint, **(header or {})})


async def by_certificate(stand: Stand, text: str) -> Any:
    return await stand.ask_token(client_secret=None, client_assertion_type=ASSERTION_TYPE, client_assertion=text)


async def test_a_secret_gives_a_token_that_names_the_roles(stand: Stand) -> None:
    claims = jwt.decode(stand.graph_token, options={"verify_signature": False})
    assert claims["tid"] == stand.lab.tenant_id
    assert "User.ReadWrite.All" in claims["roles"]
    assert jwt.decode(stand.exchange_token, options={"verify_signature": False})["roles"] == ["Exchange.ManageAsApp"]


@pytest.mark.parametrize(
    ("form", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": None}, 401, "invalid_client", 7000218),
        ({"client_id": str(uuid.uuid4())}, 400, "unauthorized_client", 700016),
        ({"tenant": str(uuid.uuid4())}, 400, "invalid_request", 90002),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "https://graph.microsoft.com/User.Read"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://elsewhere.example/.default"}, 400, "invalid_resource", 500011),
        ({"scope": None}, 400, "invalid_request", 900144),
    ],
)
async def test_refusals(stand: Stand, form: dict[str, Any], status: int, error: str, number: int) -> None:
    answer = await stand.ask_token(**form)
    assert (answer.status_code, answer.json()["error"], answer.json()["error_codes"]) == (status, error, [number])
    assert answer.json()["error_description"].startswith(f"AADSTS{number}:")


async def test_the_secret_is_never_repeated_in_an_answer(stand: Stand) -> None:
    answer = await stand.ask_token(client_secret=stand.lab.client_secret + "x")
    assert stand.lab.client_secret not in answer.text


async def test_a_registered_certificate_signs_in(stand: Stand) -> None:
    thumbprint = stand.lab.register_certificate(certificate(stand))
    answer = await by_certificate(stand, assertion(stand, thumbprint))
    assert answer.status_code == 200
    stand.graph_token = answer.json()["access_token"]
    assert (await stand.graph("GET", "organization")).status_code == 200


async def test_an_assertion_is_good_once(stand: Stand) -> None:
    thumbprint = stand.lab.register_certificate(certificate(stand))
    text = assertion(stand, thumbprint)
    assert (await by_certificate(stand, text)).status_code == 200
    again = await by_certificate(stand, text)
    assert (again.status_code, again.json()["error_codes"]) == (401, [50013])


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"aud": "https://elsewhere.example/token"}, 700023),
        ({"iss": "somebody"}, 700021),
        ({"sub": "somebody"}, 700021),
        ({"exp": 1}, 700024),
        ({"nbf": 4_000_000_000, "exp": 4_000_000_300}, 700024),
        ({"jti": None}, 50027),
    ],
)
async def test_assertions_with_wrong_claims(stand: Stand, claims: dict[str, Any], number: int) -> None:
    thumbprint = stand.lab.register_certificate(certificate(stand))
    answer = await by_certificate(stand, assertion(stand, thumbprint, **claims))
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [number])


async def test_unknown_certificate_other_key_and_garbage(stand: Stand) -> None:
    answer = await by_certificate(stand, assertion(stand, "unknown"))
    assert answer.json()["error_codes"] == [700027]
    thumbprint = stand.lab.register_certificate(certificate(stand))
    other = rsa.generate_private_key(65537, 2048)
    answer = await by_certificate(stand, assertion(stand, thumbprint, key=other))
    assert answer.json()["error_codes"] == [700027]
    answer = await by_certificate(stand, "no.jwt")
    assert answer.json()["error_codes"] == [50027]


def test_the_thumbprint_is_that_of_the_certificate(stand: Stand) -> None:
    pem = certificate(stand)
    digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    assert stand.lab.register_certificate(pem) == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_certificates_that_cannot_be_used(stand: Stand) -> None:
    with pytest.raises(InvalidInput):
        stand.lab.register_certificate("not a certificate")
    with pytest.raises(InvalidInput):
        stand.lab.register_certificate(certificate(stand, ec.generate_private_key(ec.SECP256R1())))


async def test_tokens_expire_by_the_clock(stand: Stand) -> None:
    stand.clock.advance(3599)
    assert (await stand.graph("GET", "organization")).status_code == 200
    stand.clock.advance(1)
    answer = await stand.graph("GET", "organization")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert "WWW-Authenticate" in answer.headers
    assert (await stand.cmdlet("Get-OrganizationConfig")).status_code == 401


async def test_a_token_is_for_one_service(stand: Stand) -> None:
    graph, exchange = stand.graph_token, stand.exchange_token
    stand.graph_token, stand.exchange_token = exchange, graph
    assert (await stand.graph("GET", "organization")).status_code == 401
    assert (await stand.cmdlet("Get-OrganizationConfig")).status_code == 401


async def test_no_token_or_an_invented_one(stand: Stand) -> None:
    for headers in ({}, {"Authorization": "Bearer invented"}, {"Authorization": f"Basic {stand.graph_token}"}):
        answer = await stand.http.get("/graph/v1.0/organization", headers=headers)
        assert answer.status_code == 401


async def test_only_a_form_sent_by_post(stand: Stand) -> None:
    url = f"/login/{stand.lab.tenant_id}/oauth2/v2.0/token"
    assert (await stand.http.get(url)).status_code == 405
    assert (await stand.http.post(url, json={"scope": GRAPH})).status_code == 400
    assert (await stand.http.post(url.replace("v2.0", "v1.0"), data={"scope": EXCHANGE})).status_code == 404


async def test_a_persons_password_is_right_wrong_or_of_nobody(stand: Stand) -> None:
    """A right one is answered by the question for a second factor: no token is given for a password alone."""
    user = stand.lab.tenant.directory.peek(3)
    upn = str(user.props["userPrincipalName"])
    stand.lab.passwords[user.id] = "Right-password-1"
    for username, password, number in (
        (upn, "Right-password-1", 50076),
        (upn, "wrong", 50126),
        ("nobody@contoso-lab.example", "Right-password-1", 50034),
    ):
        answer = await stand.ask_token(grant_type="password", username=username, password=password)
        assert (answer.status_code, answer.json()["error_codes"]) == (400, [number])
    assert (await stand.ask_token(grant_type="password", username=upn)).json()["error_codes"] == [900144]
