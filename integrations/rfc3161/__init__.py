"""Time-stamp authorities (RFC 3161): somebody else's word that a checkpoint existed at a time.

Permissions: none; the authority learns a SHA-256 and when it was asked. Protocol: HTTP POST of a DER request, section 3.4 of
https://www.rfc-editor.org/rfc/rfc3161#section-3.4. Asking twice is harmless, so it is repeated like a read.
"""

from integrations.rfc3161.client import request_timestamp

__all__ = ["request_timestamp"]
