"""Attestations: in-toto statements (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md) in DSSE envelopes
(https://github.com/secure-systems-lab/dsse), signed with the record's Ed25519 key. The key id is the key's fingerprint.

An envelope has one spelling here: what is read must be, byte for byte, what would be written, so that no bit of the file can
change unnoticed, also none that the signature does not cover.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry.errors import InvalidInput, NotProven
from tenantry.journal.entry import canonical
from tenantry.proof.note import fingerprint, raw_public

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"


def statement(kind: str, subjects: Mapping[str, str], predicate: Mapping[str, Any]) -> dict[str, Any]:
    """An in-toto statement.

    Args:
        kind: the predicate's type, a URI.
        subjects: name → SHA-256, hex.
    """
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()],
        "predicateType": kind,
        "predicate": dict(predicate),
    }


def sign_statement(said: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The envelope as a file."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer._crypto_signer import CryptoSigner

    envelope = Envelope(canonical(said), PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(key, _key(raw_public(key.public_key()))))
    return _written(envelope.to_dict())


def open_statement(content: bytes, keys: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """The statement of an envelope, and which of the keys (32 bytes each) signed it.

    Raises:
        NotProven: signed with none of them, or changed since.
        InvalidInput: no envelope of ours.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError

    said, keyid = read_statement(content)
    public = next((key for key in keys if fingerprint(key) == keyid), None)
    if public is None:
        raise NotProven(f"the attestation is signed with another key ({keyid[:16]}…)")
    try:
        # from_dict alters what it is given, so it gets a reading of its own.
        Envelope.from_dict(json.loads(content)).verify([_key(public)], 1)
    except VerificationError:
        raise NotProven("the attestation was changed since it was signed") from None
    return said, public


def read_statement(content: bytes) -> tuple[dict[str, Any], str]:
    """The statement of an envelope and the id of the key that claims to have signed it; nothing is verified.

    Raises:
        InvalidInput: no envelope of ours.
    """
    try:
        document = json.loads(content)
        if _written(document) != content or document.keys() != {"payload", "payloadType", "signatures"}:
            raise ValueError("spelling")
        ((signature),) = document["signatures"]
        if document["payloadType"] != PAYLOAD_TYPE or signature.keys() != {"keyid", "sig"}:
            raise ValueError("type")
        payload = _decoded(document["payload"])
        _decoded(signature["sig"])
        said = json.loads(payload)
        if canonical(said) != payload or said["_type"] != STATEMENT or not isinstance(signature["keyid"], str):
            raise ValueError("statement")
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise InvalidInput(
            "this is no attestation, or it was changed", remedy="Take the file as it was handed over."
        ) from error
    return said, signature["keyid"]


def _decoded(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("base64")
    return raw


def _written(document: Any) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _key(public: bytes) -> Any:
    from securesystemslib.signer._key import SSlibKey

    return SSlibKey(fingerprint(public), "ed25519", "ed25519", {"public": public.hex()})


__all__ = ["PAYLOAD_TYPE", "STATEMENT", "open_statement", "read_statement", "sign_statement", "statement"]
