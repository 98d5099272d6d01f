"""RFC 3161 time stamps over signed checkpoints: somebody else's word that a checkpoint existed at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.x509 import load_pem_x509_certificates

from tenantry.errors import InvalidInput, NotProven


def stamps(response: bytes, data: bytes) -> bool:
    """Whether the response is a granted time stamp over these bytes; says nothing of who made it."""
    from rfc3161_client import decode_timestamp_response

    try:
        decoded = decode_timestamp_response(response)
        imprint = decoded.tst_info.message_imprint
    except (ValueError, TypeError):
        return False
    digests = {"2.16.840.1.101.3.4.2.1": hashlib.sha256, "2.16.840.1.101.3.4.2.3": hashlib.sha512}
    make = digests.get(imprint.hash_algorithm.dotted_string)
    return decoded.status in (0, 1) and make is not None and make(data).digest() == imprint.message


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an authority: ``der`` is sent; the answer must be to exactly this."""

    der: bytes
    request: Any


def question(data: bytes) -> Question:
    """Ask for a time stamp over these bytes: their SHA-256, a nonce, and the authority's certificate."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()
    return Question(request.as_bytes(), request)


def verified_time(response: bytes, data: bytes, certificates: bytes, asked: Question | None = None) -> datetime:
    """When the authority says that these bytes existed.

    Args:
        response: a TimeStampResp, DER.
        certificates: the authority's roots (and intermediates), PEM; brought by whoever verifies.
        asked: what was asked, whose nonce the answer must have; None when it is not known any more.

    Raises:
        NotProven: not granted, not over these bytes, to another question, or not by this authority.
        InvalidInput: the certificates are none.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    try:
        roots = load_pem_x509_certificates(certificates)
    except ValueError as error:
        raise InvalidInput("these are no certificates", place="certificates") from error
    try:
        decoded = decode_timestamp_response(response)
        if decoded.status not in (0, 1):
            raise NotProven(f"the time-stamp authority did not grant it (status {decoded.status})")
        builder = VerifierBuilder.from_request(asked.request) if asked is not None else VerifierBuilder()
        for root in roots:
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(decoded, data)
        at: datetime = decoded.tst_info.gen_time
    except (VerificationError, ValueError) as error:
        raise NotProven(f"the time stamp does not verify: {error}") from error
    return at
