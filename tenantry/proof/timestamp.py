"""RFC 3161 time stamps over signed checkpoints: somebody else's word that a checkpoint existed at a time."""

from __future__ import annotations

import hashlib


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
