"""``credentials`` on Microsoft 365: the application's own client secret or certificate, one for another.

Works where the application is registered in the client's own tenant. One that is registered elsewhere (a partner application) is
replaced there, once for all clients.

Sources (learn.microsoft.com/graph/api), with the permission each call needs:
    application-addpassword, application-removepassword   Application.ReadWrite.OwnedBy, the application being its own owner
    application-addkey, application-removekey             none: a proof that we have the key of a certificate registered already
    /graph/application-rollkey-prooftoken                 the proof: aud, iss = object id, ten minutes at most

Known limits: the directory takes up to some minutes to know a new credential everywhere, and to forget an old one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from pydantic import SecretBytes

from integrations.microsoft365._read import text, when
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import Prepared
from tenantry.capabilities.credentials import LiveCredential, MadeCredential
from tenantry.errors import Conflict, InDoubt, Rejected, SignInFailed, TargetNotFound

__all__ = ["LIFE", "Microsoft365Credentials", "new_certificate", "public_half"]

_READ: Final = "Application.Read.All"
_WRITE: Final = "Application.ReadWrite.OwnedBy"
_PROOF_AUDIENCE: Final = "00000002-0000-0000-c000-000000000000"
LIFE: Final = timedelta(days=180)
"""How long a new credential is good."""
_DEAD: Final = frozenset({"AADSTS7000215", "AADSTS7000222", "AADSTS700027"})
"""Wrong or expired secret; a certificate that is not registered."""

SignIn = Callable[[SecretBytes], Awaitable[None]]
"""Sign in with this value, keeping nothing. Raises SignInFailed."""


class Microsoft365Credentials:
    """Implements :class:`~tenantry.capabilities.credentials.CredentialService`."""

    in_place = False
    labels = True
    listed = True

    def __init__(self, graph: Graph, client_id: str, kind: str, sign_in: SignIn) -> None:
        self._graph = graph
        self._client_id = client_id
        self._sign_in = sign_in
        self._marks: dict[str, str] = {}
        self.kind = kind
        self.secret = kind

    @property
    def _name(self) -> str:
        return "keyCredentials" if self.kind == "certificate" else "passwordCredentials"

    async def live(self) -> Sequence[LiveCredential]:
        """Those of our kind."""
        row = await self._registration()
        return [
            LiveCredential(
                id=text(one.get("keyId")),
                label=text(one.get("displayName")),
                created_at=when(one.get("startDateTime")),
                expires_at=when(one.get("endDateTime")),
            )
            for one in await self._entries(row)
        ]

    async def identify(self, value: SecretBytes, live: Sequence[LiveCredential]) -> str | None:
        """A certificate by its thumbprint; a secret by its first three characters, which the directory keeps, if one alone begins so."""
        mark = _thumbprint(value) if self.kind == "certificate" else value.get_secret_value().decode()[:3]
        found = [one.id for one in live if self._marks.get(one.id) == mark]
        return found[0] if len(found) == 1 else None

    async def prepare(self, label: str) -> SecretBytes | None:
        """A key and its self-signed certificate; a secret is made by the directory."""
        return await asyncio.to_thread(new_certificate, label) if self.kind == "certificate" else None

    async def create(self, label: str, value: SecretBytes | None, signing: SecretBytes) -> MadeCredential:
        """``addPassword`` or ``addKey``. A certificate that is there already is taken as made."""
        row = await self._registration()
        path = f"/applications/{segment(text(row.get('id')))}"
        if value is None:
            until = datetime.now(UTC) + LIFE
            wanted = {"displayName": label, "endDateTime": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
            made = await self._post(f"{path}/addPassword", {"passwordCredential": wanted})
            secret = made.get("secretText")
            if not isinstance(secret, str) or not secret:
                raise InDoubt("graph made a secret and did not say it", vendor="microsoft365")
            return MadeCredential(
                id=text(made.get("keyId")), value=SecretBytes(secret.encode()), expires_at=when(made.get("endDateTime"))
            )
        der = _load(value).public_bytes(Encoding.DER)
        key = {
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "key": base64.b64encode(der).decode(),
            "displayName": label,
        }
        proof = await asyncio.to_thread(_proof, signing, text(row.get("id")))
        made = await self._post(f"{path}/addKey", {"keyCredential": key, "passwordCredential": None, "proof": proof})
        return MadeCredential(id=text(made.get("keyId")), value=value, expires_at=_load(value).not_valid_after_utc)

    async def suspend(self, id: str, signing: SecretBytes) -> bool:  # noqa: ARG002  # there is no such thing
        """A credential of an application cannot be switched off by itself."""
        return False

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """``removePassword`` or ``removeKey``; absent counts as removed."""
        row = await self._registration()
        if all(text(one.get("keyId")) != id for one in await self._entries(row)):
            return
        path = f"/applications/{segment(text(row.get('id')))}"
        if self.kind == "certificate":
            proof = await asyncio.to_thread(_proof, signing, text(row.get("id")))
            await self._post(f"{path}/removeKey", {"keyId": id, "proof": proof})
        else:
            await self._post(f"{path}/removePassword", {"keyId": id})

    async def can_leave(self) -> bool:
        """Where the application is registered in the client's own tenant. One of ours is removed there, by their administrator."""
        try:
            await self._registration()
        except TargetNotFound:
            return False
        return True

    async def leave(self, value: SecretBytes) -> None:
        """Remove the credential with itself. Tokens that were issued before live on for up to an hour."""
        live = await self.live()
        id = await self.identify(value, live)
        if id is None and len(live) == 1 and await self.works(value):
            id = live[0].id
        if id is not None:
            await self.remove(id, value)
        elif await self.works(value):
            raise Conflict(
                "which of the application's credentials is ours cannot be told",
                remedy="The client's administrator removes the application.",
                vendor="microsoft365",
            )

    async def works(self, value: SecretBytes) -> bool:
        """Signs in afresh; False when the directory says that it does not know it (any more)."""
        try:
            await self._sign_in(value)
        except SignInFailed as error:
            if str(error.detail.get("aadsts")) in _DEAD:
                return False
            raise
        return True

    async def dead(self, value: SecretBytes) -> bool:
        """It does not sign in: there is one place alone."""
        return not await self.works(value)

    async def _registration(self) -> dict[str, Any]:
        params = {"$filter": f"appId eq '{self._client_id}'", "$select": f"id,appId,{self._name}"}
        rows = [row async for row in self._graph.rows("/applications", params=params, needs=_READ)]
        if len(rows) != 1:
            raise TargetNotFound(
                "the application is not registered in this tenant",
                remedy="Replace its credential in the tenant that registered it, and store it with `tenantry vault put`.",
                vendor="microsoft365",
            )
        return rows[0]

    async def _entries(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        entries = [one for one in row.get(self._name) or () if isinstance(one, dict)]
        mark = "customKeyIdentifier" if self.kind == "certificate" else "hint"
        self._marks = {text(one.get("keyId")): text(one.get(mark)) for one in entries}
        return entries

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        prepared = Prepared(
            "POST",
            f"{self._graph.base_url}/v1.0{path}",
            {"Content-Type": "application/json"},
            json.dumps(body).encode(),
        )
        found = await self._graph.send(prepared, needs=_WRITE)
        return found if isinstance(found, dict) else {}


def new_certificate(label: str) -> SecretBytes:
    """A new RSA key and its self-signed certificate, in PEM, good for `LIFE`; ``label`` is its subject."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label[:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFE)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SecretBytes(certificate.public_bytes(Encoding.PEM) + private)


def public_half(value: SecretBytes) -> tuple[bytes, str, datetime]:
    """Of a stored certificate with its key: the certificate alone in PEM, its thumbprint (SHA-1, hexadecimal, as the portal shows
    it), and when it expires.

    Raises:
        Rejected: it cannot be read.
    """
    found = _load(value)
    mark = hashlib.sha1(found.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest().upper()
    return found.public_bytes(Encoding.PEM), mark, found.not_valid_after_utc


def _load(value: SecretBytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(value.get_secret_value())[0]
    except (ValueError, IndexError):  # may quote what it read
        pass
    raise Rejected("the stored certificate cannot be read", vendor="microsoft365")


def _thumbprint(value: SecretBytes) -> str:
    """As ``customKeyIdentifier`` has it: SHA-1 of the certificate, in base64."""
    der = _load(value).public_bytes(Encoding.DER)
    return base64.b64encode(hashlib.sha1(der, usedforsecurity=False).digest()).decode()


def _proof(signing: SecretBytes, object_id: str) -> str:
    key = load_pem_private_key(signing.get_secret_value(), password=None)
    now = int(time.time())
    claims = {"aud": _PROOF_AUDIENCE, "iss": object_id, "nbf": now - 5, "exp": now + 590}
    return jwt.encode(claims, key, algorithm="RS256")  # type: ignore[arg-type]  # an RSA key, as `client_assertion` made sure
