"""The token endpoint: client credentials by secret or certificate, and what a token is worth afterwards.

Source: Microsoft identity platform, "client credentials flow" and "certificate credentials"; error numbers from "Microsoft Entra authentication
and authorization error codes". Known limit: tokens are signed with a key that nobody publishes; resource servers look them
up instead, which is faster and as strict.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from integrations.lab.clock import iso
from integrations.lab.web import Answer, Refusal, Request
from tenantry.errors import InvalidInput

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

GRAPH = "https://graph.microsoft.com"
EXCHANGE = "https://outlook.office365.com"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_PATH = re.compile(r"/login/([^/]+)/oauth2/v2\.0/token/?")
_CONSENT = re.compile(r"/login/([^/]+)/adminconsent/?")


@dataclass(slots=True)
class Token:
    """An access token as the resource servers know it."""

    audience: str
    roles: frozenset[str]
    expires_at: float
    app_id: str


class TokenService:
    """Issues tokens for one application of one tenant."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._tokens: dict[str, Token] = {}
        self._certificates: dict[str, RSAPublicKey] = {}
        self._used_assertions: dict[str, float] = {}
        self.secrets: dict[str, str] = {}
        """Id of a password credential of our registration → its text."""
        self.keys: dict[str, RSAPublicKey] = {}
        """Id of a key credential of our registration → its key."""
        self._thumbprints: dict[str, str] = {}
        self._key = lab.dice.bytes(32, "token key")
        self._issued = 0

    def register_certificate(self, pem: str | bytes) -> str:
        """Accept sign-ins with this certificate (an RSA one); returns its SHA-256 thumbprint as ``x5t#S256`` has it.

        Raises:
            InvalidInput: not a PEM certificate with an RSA key.
        """
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)
        except ValueError as error:
            raise InvalidInput("not a certificate in PEM form") from error
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise InvalidInput("the certificate's key must be RSA: client assertions are signed with PS256")
        digest = hashes.Hash(hashes.SHA256())
        digest.update(certificate.public_bytes(Encoding.DER))
        thumbprint = base64.urlsafe_b64encode(digest.finalize()).rstrip(b"=").decode()
        self._certificates[thumbprint] = key
        return thumbprint

    def keep_key(self, key_id: str, certificate: x509.Certificate) -> None:
        """Remember the key of a certificate that was registered with the application."""
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise InvalidInput("the certificate's key must be RSA: client assertions are signed with PS256")
        self.keys[key_id] = key
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
        self._thumbprints[base64.urlsafe_b64encode(digest).rstrip(b"=").decode()] = key_id

    def _live(self, kind: str) -> set[str] | None:
        """Ids of the credentials of our registration as the sign-in sees them now; None where it is registered elsewhere."""
        found = self._lab.own_registration
        if found is None:
            return None
        return {str(one["keyId"]) for one in found.view(self._lab.now().timestamp())[kind]}

    def expire_all(self) -> int:
        """Every token issued so far ends now; returns how many."""
        for token in self._tokens.values():
            token.expires_at = 0.0
        return len(self._tokens)

    def set_roles(self, graph: frozenset[str], exchange: frozenset[str]) -> None:
        """Change the roles inside live tokens too, as if their holders had signed in again."""
        for token in self._tokens.values():
            token.roles = graph if token.audience == GRAPH else exchange

    def look_up(self, request: Request) -> Token | None:
        """The token that a request bears; None when there is none that was issued here."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        return self._tokens.get(value) if scheme.lower() == "bearer" else None

    def issue(self, request: Request) -> Answer:
        """Answer a request to the token endpoint, or to the page of the consent."""
        consent = _CONSENT.fullmatch(request.path)
        if consent is not None:
            return self._lab.administrator.consent(request, consent[1])
        match = _PATH.fullmatch(request.path)
        if match is None:
            return Answer(404, raw=b"", content_type="text/html")
        if request.method != "POST":
            return self._no(405, "invalid_request", 900561, "The endpoint only accepts POST requests.")
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            return self._no(400, "invalid_request", 900144, "The request body must contain the parameter 'grant_type'.")
        try:
            form = {name: values[0] for name, values in parse_qs(request.body.decode(), strict_parsing=True).items()}
            token = self._grant(match[1], form, request)
        except UnicodeDecodeError:
            return self._no(400, "invalid_request", 900144, "The request body is not a form.")
        except ValueError:
            return self._no(400, "invalid_request", 900144, "The request body must contain the parameter 'grant_type'.")
        except Refusal as refusal:
            return refusal.answer
        return Answer(
            200,
            {
                "token_type": "Bearer",
                "expires_in": self._lab.token_life,
                "ext_expires_in": self._lab.token_life,
                **token,
            },
            {"Cache-Control": "no-store", "Pragma": "no-cache"},
        )

    def _grant(self, tenant: str, form: dict[str, str], request: Request) -> dict[str, str]:
        lab = self._lab
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                self._refuse(400, "invalid_request", 900144, f"The request body must contain the parameter '{name}'.")
        if form["grant_type"] not in ("client_credentials", "password"):
            self._refuse(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if tenant.lower() not in (lab.tenant_id, lab.domain):
            self._refuse(400, "invalid_request", 90002, "Tenant not found. Check the tenant id and the cloud.")
        if form["client_id"].lower() == lab.client_id and lab.asked and not lab.known:
            self._refuse(401, "invalid_client", 7000229, "The client application is missing service principal.")
        if form["client_id"].lower() != lab.client_id or not lab.known:
            self._refuse(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if not any(row.props["appId"] == lab.client_id for row in lab.tenant.service_principals):
            self._refuse(
                400, "unauthorized_client", 7000229, "The client application is missing its service principal."
            )
        audience = {f"{GRAPH}/.default": GRAPH, f"{EXCHANGE}/.default": EXCHANGE}.get(form["scope"])
        if audience is None:
            if form["scope"].endswith("/.default"):
                self._refuse(400, "invalid_resource", 500011, "The resource principal was not found in the tenant.")
            self._refuse(400, "invalid_scope", 1002012, "The value for scope is not valid; it must end with /.default.")
        assert_type = form.get("client_assertion_type")
        if form.get("client_secret") is not None:
            live = self._live("passwordCredentials")
            taken = {lab.client_secret} if live is None else {self.secrets[key] for key in live if key in self.secrets}
            if form["client_secret"] not in taken:
                self._refuse(401, "invalid_client", 7000215, "Invalid client secret provided.")
        elif form.get("client_assertion") and assert_type == ASSERTION_TYPE:
            self._check_assertion(tenant, form["client_assertion"], request)
        else:
            self._refuse(401, "invalid_client", 7000218, "The body must contain 'client_assertion' or 'client_secret'.")
        if form["grant_type"] == "password":
            self._check_password(form)
        return {"access_token": self._mint(str(audience))}

    def _check_password(self, form: dict[str, str]) -> None:
        """A person's own sign-in with a password. Known are those that were set while the lab ran."""
        for name in ("username", "password"):
            if not form.get(name):
                self._refuse(400, "invalid_request", 900144, f"The request body must contain the parameter '{name}'.")
        directory = self._lab.tenant.directory
        index = directory.resolve(form["username"])
        if index is None:
            self._refuse(400, "invalid_grant", 50034, "The user account does not exist in the directory.")
        user = directory.peek(index)
        if self._lab.passwords.get(user.id) != form["password"]:
            self._refuse(
                400, "invalid_grant", 50126, "Error validating credentials due to invalid username or password."
            )
        if not user.view(self._lab.now().timestamp())["accountEnabled"]:
            self._refuse(400, "invalid_grant", 50057, "The user account is disabled.")
        self._refuse(400, "invalid_grant", 50076, "You must use multi-factor authentication to access the resource.")

    def _check_assertion(self, tenant: str, assertion: str, request: Request) -> None:
        now = self._lab.now().timestamp()
        try:
            header = jwt.get_unverified_header(assertion)
        except jwt.PyJWTError:
            self._refuse(401, "invalid_client", 50027, "The JWT is malformed.")
        thumbprint = str(header.get("x5t#S256", ""))
        live, known = self._live("keyCredentials"), self._thumbprints.get(thumbprint)
        key = (
            self._certificates.get(thumbprint)
            if live is None
            else self.keys.get(known or "")
            if known in live
            else None
        )
        if key is None or header.get("alg") != "PS256":
            self._refuse(401, "invalid_client", 700027, "The certificate is not registered, or the algorithm is wrong.")
        path = request.path.rstrip("/")
        audiences = [f"{request.base}{path}", f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"]
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion,
                key,
                algorithms=["PS256"],
                audience=audiences,
                options={
                    "require": ["exp", "iss", "sub", "jti", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError:
            self._refuse(401, "invalid_client", 700023, "Client assertion audience claim does not match.")
        except jwt.MissingRequiredClaimError:
            self._refuse(401, "invalid_client", 50027, "The JWT lacks a required claim.")
        except jwt.PyJWTError:
            self._refuse(401, "invalid_client", 700027, "Client assertion failed signature validation.")
        if claims["iss"] != self._lab.client_id or claims["sub"] != self._lab.client_id:
            self._refuse(401, "invalid_client", 700021, "The assertion's issuer or subject is not the application.")
        expires = _number(claims.get("exp"))
        begins = _number(claims.get("nbf", now))
        # Five minutes of skew, as the service allows; the lab's clock decides, so tests need not wait.
        if expires is None or begins is None or not begins - 300 <= now < expires + 300:
            self._refuse(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")
        self._used_assertions = {jti: until for jti, until in self._used_assertions.items() if until > now}
        if not isinstance(claims["jti"], str) or claims["jti"] in self._used_assertions:
            self._refuse(401, "invalid_client", 50013, "Assertion is not valid: it was used before.")
        self._used_assertions[claims["jti"]] = (expires or now) + 600

    def _mint(self, audience: str) -> str:
        lab = self._lab
        self._issued += 1
        now = lab.now().timestamp()
        roles = lab.granted_roles if audience == GRAPH else lab.exchange_roles
        value = jwt.encode(
            {
                "aud": audience,
                "iss": f"https://sts.windows.net/{lab.tenant_id}/",
                "iat": int(now),
                "nbf": int(now),
                "exp": int(now) + lab.token_life,
                "appid": lab.client_id,
                "idtyp": "app",
                "roles": sorted(roles),
                "tid": lab.tenant_id,
                "uti": self._lab.dice.guid("uti", self._issued),
            },
            self._key,
            algorithm="HS256",
        )
        if len(self._tokens) > 2000:  # a client that signs in for each call must not fill the memory
            self._tokens = {text: token for text, token in self._tokens.items() if token.expires_at > now}
        self._tokens[value] = Token(audience, frozenset(roles), now + lab.token_life, lab.client_id)
        return value

    def _no(self, status: int, error: str, number: int, text: str) -> Answer:
        self._issued += 1
        trace = self._lab.dice.guid("trace", self._issued)
        return Answer(
            status,
            {
                "error": error,
                "error_description": f"AADSTS{number}: {text} Trace ID: {trace}",
                "error_codes": [number],
                "timestamp": iso(self._lab.now()).replace("T", " "),
                "trace_id": trace,
                "correlation_id": self._lab.dice.guid("correlation", self._issued),
                "error_uri": f"https://login.microsoftonline.com/error?code={number}",
            },
        )

    def _refuse(self, status: int, error: str, number: int, text: str) -> NoReturn:
        raise Refusal(self._no(status, error, number, text))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
