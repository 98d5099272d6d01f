"""What the client's administrator does when an application is connected: registers it, and consents.

Registering is `POST /_lab/register` with the body that an administrator sends to ``POST /applications`` (learn.microsoft.com/graph/api/
application-post-applications). Consent is the page that the real address leads to (learn.microsoft.com/entra/identity/enterprise-apps/
grant-admin-consent): a GET shows what is asked for, a POST accepts it. Nobody signs in: a test stand on loopback.
"""

from __future__ import annotations

import base64
import binascii
import html
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from integrations.lab.web import Answer, Request
from integrations.microsoft365.appids import names_of
from tenantry.errors import InvalidInput

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

__all__ = ["Administrator"]

_TAKEN = frozenset({"displayName", "keyCredentials", "requiredResourceAccess", "signInAudience"})


class Administrator:
    """Of the lab's tenant."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def register(self, body: dict[str, Any]) -> Answer:
        """Register the application with its certificate. Once: another time is refused."""
        lab = self._lab
        if set(body) - _TAKEN or not isinstance(body.get("requiredResourceAccess"), list):
            return Answer(400, {"error": "invalid_application"})
        if lab.own_registration is not None:
            return Answer(409, {"error": "registered_already", "appId": lab.client_id})
        try:
            (key,) = body["keyCredentials"]
            der = base64.b64decode(key["key"], validate=True)
            pem = x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
            asked = frozenset(names_of(body["requiredResourceAccess"]))
            registered = lab.register_here(pem)
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, InvalidInput):
            return Answer(400, {"error": "invalid_application"})
        lab.asked = asked
        lab.known = True
        return Answer(201, {"id": registered.id, "appId": lab.client_id, "displayName": body.get("displayName")})

    def approve(self, body: dict[str, Any]) -> Answer:
        """A customer approves a delegated relationship that waits for it."""
        found = self._lab.relationships.get(str(body.get("id", "")))
        if found is None or found["status"] != "approvalPending":
            return Answer(409, {"error": "not_waiting"})
        found["status"] = "active"
        return Answer(200, {"id": found["id"], "status": found["status"]})

    def withdraw(self) -> None:
        """The administrator removes our enterprise application, and its sessions with it: nobody signs in as it until they consent again."""
        self._lab.known = self._lab.consented = False
        self._lab.tokens.expire_all()

    def consent(self, request: Request, tenant: str) -> Answer:
        """The page of the consent, or, sent back, the consent. An application that is registered elsewhere is known from then on."""
        lab = self._lab
        ours = (lab.known or lab.asked) and request.query.get("client_id", "").lower() == lab.client_id
        if tenant.lower() not in (lab.tenant_id, lab.domain) or not ours:
            return _page(400, "AADSTS700016: the application was not found in the directory.")
        if request.method == "POST":
            lab.consented = lab.known = True
            lab.change_permissions(grant=lab.asked, at_once=False)
            return _page(200, "The permissions were granted.")
        if request.method != "GET":
            return Answer(405, raw=b"")
        asked = "".join(f"<li>{html.escape(name)}</li>" for name in sorted(lab.asked))
        return _page(200, f"Tenantry asks for<ul>{asked}</ul><form method=post><button>Accept</button></form>")


def _page(status: int, body: str) -> Answer:
    text = f"<!doctype html><title>Permissions requested</title><p>{body}</p>"
    return Answer(status, raw=text.encode(), content_type="text/html; charset=utf-8")
