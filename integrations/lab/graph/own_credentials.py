"""New credentials of an application: secrets that the directory makes, and certificates that prove themselves by an older one.

Sources: Graph v1.0 reference, "application: addPassword", "application: addKey", "application: removeKey"; "Generating proof of possession
tokens for rolling keys" (aud, iss = the application's object id, at most ten minutes).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from datetime import timedelta
from types import NoneType
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from integrations.lab.clock import iso
from integrations.lab.graph.call import Call, bad_request, not_found
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("directory")

_WRITE = "Application.ReadWrite.OwnedBy Application.ReadWrite.All Directory.ReadWrite.All"
PROOF_AUDIENCE = "00000002-0000-0000-c000-000000000000"


@routes.add("POST", "applications/{application}/addPassword", _WRITE)
def add_password(call: Call) -> Answer:
    """Make a secret; its text is in this answer and nowhere else, ever."""
    found = _application(call)
    asked = call.json({"passwordCredential": dict})
    wanted = asked.get("passwordCredential", {})
    if set(wanted) - {"displayName", "startDateTime", "endDateTime"}:
        raise bad_request("Property is read-only and cannot be set.")
    value = secrets.token_urlsafe(30)
    entry = {
        "customKeyIdentifier": None,
        "displayName": wanted.get("displayName"),
        "endDateTime": wanted.get("endDateTime") or iso(call.lab.now() + timedelta(days=730)),
        "hint": value[:3],
        "keyId": _new_id(call),
        "secretText": None,
        "startDateTime": iso(call.lab.now()),
    }
    found.write({"passwordCredentials": [*found.props["passwordCredentials"], entry]}, call.now, call.lab.faults.lag)
    call.lab.tokens.secrets[entry["keyId"]] = value
    call.wrote(f"applications/{found.id}/passwordCredentials", None, {"keyId": entry["keyId"]}, "addPassword")
    return call.one("microsoft.graph.passwordCredential", entry | {"secretText": value})


@routes.add("POST", "applications/{application}/addKey", _WRITE)
def add_key(call: Call) -> Answer:
    """Add a certificate; whoever asks proves that they have the key of another one."""
    found = _application(call)
    body = call.json(
        {"keyCredential": dict, "passwordCredential": (dict, NoneType), "proof": str}, ("keyCredential", "proof")
    )
    _check_proof(call, found, body["proof"])
    given = body["keyCredential"]
    if set(given) - {"type", "usage", "key", "displayName"} or given.get("type") != "AsymmetricX509Cert":
        raise bad_request("Invalid value specified for property 'type'.")
    if given.get("usage") != "Verify" or not isinstance(given.get("key"), str):
        raise bad_request("Invalid value specified for property 'usage'.")
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(given["key"], validate=True))
    except (ValueError, binascii.Error):
        raise bad_request("Key credential is not a certificate.") from None
    entry = key_entry(certificate, _new_id(call), given.get("displayName"))
    if any(one["customKeyIdentifier"] == entry["customKeyIdentifier"] for one in found.props["keyCredentials"]):
        raise bad_request("Key credential already exists.")
    found.write({"keyCredentials": [*found.props["keyCredentials"], entry]}, call.now, call.lab.faults.lag)
    call.lab.tokens.keep_key(entry["keyId"], certificate)
    call.wrote(f"applications/{found.id}/keyCredentials", None, {"keyId": entry["keyId"]}, "addKey")
    return call.one("microsoft.graph.keyCredential", entry)


@routes.add("POST", "applications/{application}/removeKey", _WRITE)
def remove_key(call: Call) -> Answer:
    """Remove a certificate; the proof is of one that is registered."""
    found = _application(call)
    body = call.json({"keyId": str, "proof": str}, ("keyId", "proof"))
    _check_proof(call, found, body["proof"])
    before = found.props["keyCredentials"]
    kept = [one for one in before if one["keyId"] != body["keyId"]]
    if len(kept) == len(before):
        raise bad_request("No credentials found to be removed.")
    found.write({"keyCredentials": kept}, call.now, call.lab.faults.lag)
    call.wrote(f"applications/{found.id}/keyCredentials/{body['keyId']}", {"keyId": body["keyId"]}, None, "removeKey")
    return Answer(204)


def key_entry(certificate: x509.Certificate, key_id: str, label: str | None) -> dict[str, Any]:
    """A certificate as the directory lists it; ``customKeyIdentifier`` is its SHA-1 thumbprint."""
    thumbprint = hashlib.sha1(certificate.public_bytes(Encoding.DER), usedforsecurity=False).digest()
    return {
        "customKeyIdentifier": base64.b64encode(thumbprint).decode(),
        "displayName": label,
        "endDateTime": iso(certificate.not_valid_after_utc),
        "key": None,
        "keyId": key_id,
        "startDateTime": iso(certificate.not_valid_before_utc),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def _check_proof(call: Call, application: Record, proof: str) -> None:
    now = call.lab.now().timestamp()
    for entry in application.props["keyCredentials"]:
        key = call.lab.tokens.keys.get(entry["keyId"])
        if not isinstance(key, RSAPublicKey):
            continue
        try:
            claims = jwt.decode(
                proof,
                key,
                algorithms=["RS256", "PS256"],
                audience=PROOF_AUDIENCE,
                options={
                    "require": ["aud", "iss", "nbf", "exp"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError:
            continue
        if claims["iss"] == application.id and claims["nbf"] - 300 <= now < claims["exp"] <= claims["nbf"] + 605:
            return
    raise bad_request("Access Token Proof-Of-Possession validation failed.", "Authentication_MissingOrMalformed")


def _application(call: Call) -> Record:
    found = call.tenant.applications.get(call.params["application"])
    if found is None:
        raise not_found(call.params["application"])
    return found


def _new_id(call: Call) -> str:
    """Of no credential that there ever was, over resets too: the registration outlives them."""
    return call.lab.dice.guid("own credential", call.lab.writes)
