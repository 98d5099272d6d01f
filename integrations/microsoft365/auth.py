"""Sign-in as an application, by client secret or by certificate, and the tokens that come of it.

Sources (learn.microsoft.com):
    /entra/identity-platform/v2-oauth2-client-creds-grant-flow           the flow
    /entra/identity-platform/certificate-credentials                     the client assertion: PS256, ``x5t#S256``
    /entra/identity-platform/reference-error-codes                       AADSTS numbers

Tokens live in memory only, by tenant and scope, for as long as the handle is open. The secret or private key is asked for at
each sign-in (about once an hour) and not kept. Errors carry the AADSTS number and the correlation id, never the vendor's
text: that may quote what was sent.

Known limit: a conditional-access claims challenge cannot be answered by an application; it ends as SignInFailed.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from pydantic import SecretBytes

from integrations.http import Answer, Http
from tenantry import deadline
from tenantry.errors import OutOfScope, ProviderError, SignInFailed, TenantryError, VendorFault
from tenantry.providers import SecretSource

__all__ = ["CredentialKind", "TokenAuthorizer", "Tokens", "client_assertion", "unverified_claims"]

CredentialKind = Literal["client_secret", "certificate"]
"""How the application proves itself; also the name of the secret: a text, or a PEM file with certificate and RSA key."""

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE: Final = 600
"""Seconds for which a client assertion is valid; the vendor recommends 5 to 10 minutes."""

_REMEDIES: Final = {
    "AADSTS7000215": "The client secret is wrong; store the current secret value (not the secret's id).",
    "AADSTS7000222": "The client secret has expired; make a new one and store it.",
    "AADSTS700016": "The application is not known in this tenant; check the client id and the consent.",
    "AADSTS700027": "The certificate is not registered with the application, or has expired.",
    "AADSTS7000229": "The application was not consented to in this tenant, or was removed there; have its administrator consent.",
    "AADSTS7000112": "The application is disabled in this tenant.",
    "AADSTS90002": "No such tenant; check the tenant id and the cloud.",
    "AADSTS53003": "Conditional access blocks the application's sign-in from here.",
    "AADSTS700024": "The assertion's times were refused: check this machine's clock.",
}
_TRANSIENT: Final = frozenset({"AADSTS90033", "AADSTS90055", "AADSTS90014900"})


_FRESH: Final = 10.0
"""Seconds for which the failure of a sign-in that nobody waited for counts for who asks next."""


@dataclass(slots=True)
class _Entry:
    value: str = ""
    expires: float = 0.0
    renew: float = 0.0
    attempt: asyncio.Task[str] | None = None
    """A sign-in under way, or one that ended and that nobody has heard of."""
    ended: float = 0.0

    @property
    def good(self) -> bool:
        return bool(self.value) and time.monotonic() < self.renew


class Tokens:
    """Access tokens of one application in one tenant, by scope.

    Args:
        http: the tenant's client.
        tenant_id: GUID; a token that says it is of another tenant is refused.
        client_id: the application's id.
        token_url: the tenant's token endpoint; also the assertion's audience.
        kind: which credential.
        secrets: gives it.
        shared: the credential opens other tenants too: a token that does not say whose it is is refused.
    """

    def __init__(
        self,
        http: Http,
        *,
        tenant_id: str,
        client_id: str,
        token_url: str,
        kind: CredentialKind,
        secrets: SecretSource,
        shared: bool = False,
    ) -> None:
        self._http = http
        self._tenant_id = tenant_id.lower()
        self._client_id = client_id
        self._url = token_url
        self._kind = kind
        self._secrets = secrets
        self._shared = shared
        self._entries: dict[str, _Entry] = {}

    async def token(self, scope: str) -> str:
        """A token that is good for a while yet. Many callers at once cause one sign-in.

        Raises:
            SignInFailed: refused, with ``aadsts`` in the detail.
            OutOfScope: the token is of another tenant, or does not say of which and the credential is shared.
            ProviderError: the endpoint could not be asked.
        """
        entry = self._entries.setdefault(scope, _Entry())
        if entry.good:
            return entry.value
        attempt = self._begun(entry, scope)
        try:
            return await asyncio.shield(attempt)  # others wait for it too
        finally:
            if attempt.done() and entry.attempt is attempt:
                entry.attempt = None

    def ahead(self, scope: str) -> None:
        """Begin to sign in for somebody who asks soon. They hear what became of it, as if they had begun it."""
        entry = self._entries.setdefault(scope, _Entry())
        if not entry.good:
            self._begun(entry, scope)

    def _begun(self, entry: _Entry, scope: str) -> asyncio.Task[str]:
        attempt = entry.attempt
        if attempt is None or (attempt.done() and time.monotonic() - entry.ended > _FRESH):
            attempt = entry.attempt = asyncio.create_task(self._renewed(entry, scope))
            attempt.add_done_callback(_heard)
        return attempt

    async def _renewed(self, entry: _Entry, scope: str) -> str:
        now = time.monotonic()
        try:
            with deadline.lifted():
                value, life = await self._sign_in(scope)
        except ProviderError as exc:
            if exc.retryable and entry.value and now < entry.expires:
                entry.renew = min(entry.expires, now + 30.0)  # still good: use it, ask again soon
                return entry.value
            raise
        finally:
            entry.ended = time.monotonic()
        entry.value = value
        entry.expires = entry.ended + life
        entry.renew = entry.ended + life - min(300.0, life * 0.2)
        return value

    def forget(self, scope: str, value: str) -> None:
        """The vendor refused ``value``: the next call signs in again, unless that has happened meanwhile."""
        entry = self._entries.get(scope)
        if entry is not None and entry.value == value:
            entry.value = ""
            if entry.attempt is not None and entry.attempt.done():
                entry.attempt = None  # it is what gave this one

    def clear(self) -> None:
        """Forget every token, and end the sign-ins that are under way."""
        for entry in self._entries.values():
            if entry.attempt is not None:
                entry.attempt.cancel()
        self._entries.clear()

    def authorizer(self, scope: str) -> TokenAuthorizer:
        """For the HTTP client."""
        return TokenAuthorizer(self, scope)

    async def claims(self, scope: str) -> dict[str, Any]:
        """What the token says of itself (``tid``, ``roles``); empty when it is opaque. Not verified: it is ours, and
        only used to tell the operator early what the vendor would refuse later."""
        return unverified_claims(await self.token(scope))

    async def certificate_expires(self) -> datetime | None:
        """When the certificate that signs in ends; None when a secret does, or the certificate cannot be read."""
        if self._kind != "certificate":
            return None
        pem = (await self._secrets(self._kind)).get_secret_value()
        try:
            certificates = await asyncio.to_thread(x509.load_pem_x509_certificates, pem)
        except ValueError:  # said by the sign-in
            return None
        return min(found.not_valid_after_utc for found in certificates)

    async def prove_password(self, account: str, password: SecretBytes, scope: str) -> None:
        """Sign a person's account in with its password, and keep nothing of it. Raises SignInFailed, with ``aadsts`` in the detail."""
        await self._sign_in(scope, {"username": account, "password": password.get_secret_value().decode()})

    async def _sign_in(self, scope: str, person: Mapping[str, str] | None = None) -> tuple[str, float]:
        async def body() -> bytes:  # for each attempt: an assertion may be used once
            grant = {"grant_type": "client_credentials"} if person is None else {"grant_type": "password", **person}
            form = {**grant, "client_id": self._client_id, "scope": scope}
            secret = (await self._secrets(self._kind)).get_secret_value()
            if self._kind == "certificate":
                form["client_assertion_type"] = ASSERTION_TYPE
                form["client_assertion"] = await asyncio.to_thread(client_assertion, secret, self._client_id, self._url)
            else:
                form["client_secret"] = secret.decode()
            return urlencode(form).encode()

        answer = await self._http.read(
            "POST",
            self._url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=body,
            dialect=_refused,
            what="the sign-in",
        )
        data = answer.data
        value = data.get("access_token") if isinstance(data, dict) else None
        life = data.get("expires_in") if isinstance(data, dict) else None
        if not isinstance(value, str) or not value:
            raise VendorFault("the token endpoint answered without a token", vendor=self._http.vendor, **answer.ids)
        tenant = unverified_claims(value).get("tid")
        if isinstance(tenant, str) and tenant.lower() != self._tenant_id:
            raise OutOfScope("the token is of another tenant than the one configured", vendor=self._http.vendor)
        if self._shared and not isinstance(tenant, str):
            raise OutOfScope("the token does not say which tenant it is of", vendor=self._http.vendor)
        return value, float(life) if isinstance(life, int | float | str) and str(life).isdigit() else 300.0


def _heard(attempt: asyncio.Task[str]) -> None:
    """An error that nobody asked for is no news to the event loop."""
    if not attempt.cancelled():
        attempt.exception()


@dataclass(frozen=True, slots=True)
class TokenAuthorizer:
    """The Authorization header of one scope."""

    tokens: Tokens
    scope: str

    async def header(self) -> str:
        return f"Bearer {await self.tokens.token(self.scope)}"

    async def refused(self, header: str) -> bool:
        self.tokens.forget(self.scope, header.removeprefix("Bearer "))
        return True


def client_assertion(pem: bytes, client_id: str, audience: str, *, now: float | None = None) -> str:
    """A signed proof of possession of the certificate's key, valid for ten minutes, to be used once.

    Args:
        pem: certificate and unencrypted RSA private key, in any order.
        client_id: issuer and subject.
        audience: the token endpoint.
        now: seconds since the epoch; the clock's when None.

    Raises:
        SignInFailed: the PEM cannot be used.
    """
    problem = ""
    try:
        key = load_pem_private_key(pem, password=None)
        certificates = x509.load_pem_x509_certificates(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        problem = "holds no unencrypted private key with a certificate"
    else:
        if not isinstance(key, RSAPrivateKey):
            problem = "holds a key that is not RSA"
    if problem or not isinstance(key, RSAPrivateKey):
        raise SignInFailed(
            f"the stored certificate {problem}",
            remedy="Store a PEM with the certificate and its unencrypted RSA key under the name `certificate`.",
        )
    own = key.public_key().public_numbers()
    matching = [
        found
        for found in certificates
        if getattr(found.public_key(), "public_numbers", lambda: None)() == own  # other kinds of key have other numbers
    ]
    if not matching:
        raise SignInFailed(
            "the stored certificate and private key do not belong together",
            remedy="Store the key together with its own certificate.",
        )
    thumbprint = hashlib.sha256(matching[0].public_bytes(Encoding.DER)).digest()
    issued = int(time.time() if now is None else now)
    return jwt.encode(
        {
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": str(uuid.uuid4()),
            "nbf": issued - 5,
            "exp": issued + ASSERTION_LIFE,
        },
        key,
        algorithm="PS256",
        headers={"x5t#S256": base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()},
    )


def unverified_claims(token: str) -> dict[str, Any]:
    """The payload of a JWT, not verified; empty for an opaque token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}


def _refused(answer: Answer, what: str) -> TenantryError:
    data = answer.json()
    data = data if isinstance(data, dict) else {}
    numbers = data.get("error_codes")
    first = numbers[0] if isinstance(numbers, list) and numbers else None
    code = f"AADSTS{first}" if isinstance(first, int) else str(data.get("error", "unknown"))
    detail: dict[str, Any] = {"status": answer.status, "aadsts": code, **answer.ids}
    if isinstance(data.get("correlation_id"), str):
        detail["request_id"] = data["correlation_id"]
    if code in _TRANSIENT or data.get("error") == "temporarily_unavailable":
        return VendorFault(f"the token endpoint failed {what} with {code}", **detail)
    return SignInFailed(f"the token endpoint refused {what} with {code}", remedy=_REMEDIES.get(code), **detail)
