"""Amazon SNS, as far as whoever receives its messages needs it: its certificates, and the address that confirms a subscription.

Which addresses may be visited is `tenantry.alerts.sns`'s to say; here nothing is followed anywhere else.
"""

from __future__ import annotations

from typing import Final

import httpx

from tenantry.errors import Unreachable

__all__ = ["fetch"]

_SECONDS: Final = 5.0
_LARGEST: Final = 65_536


def fetch(url: str) -> bytes:
    """What a page says, of 64 KB at most; redirects are not followed.

    Raises:
        Unreachable: it does not answer with that; whoever sent the message sends it again.
    """
    found = bytearray()
    try:
        # An environment's proxy is not asked: this process's has none, and SNS's own name is what the certificate's worth comes from.
        with (
            httpx.Client(timeout=_SECONDS, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", url) as answer,
        ):
            for piece in answer.iter_bytes(8_192):
                found += piece
                if len(found) > _LARGEST:
                    raise Unreachable("SNS answered with more than a certificate")
            if answer.status_code != 200:
                raise Unreachable(f"SNS answered with {answer.status_code}")
    except httpx.HTTPError as error:
        raise Unreachable(f"SNS does not answer ({type(error).__name__})") from None
    return bytes(found)
