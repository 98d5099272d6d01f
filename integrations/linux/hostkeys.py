"""Whether a host is the one that it should be: by its key, known beforehand, or by a certificate of a known authority.

There is no "trust on first use": an incident is when the wrong host answers. What is not known is refused, and the
refusal shows the fingerprint, to be compared on the host's own console (``ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub``).

Certificates: https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.certkeys
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from tenantry.errors import SignInFailed

__all__ = ["KnownHost", "blob_of", "certificate_expiry", "fingerprint"]

_REMEDY: Final = (
    "Compare the fingerprint on the host's own console; only if it is the same, put the key into the tenant's file."
)


def fingerprint(blob: bytes) -> str:
    """``SHA256:…``, as ssh-keygen -l shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def blob_of(line: str) -> bytes:
    """The key of a line of ``authorized_keys`` or ``known_hosts`` form: ``[…] ssh-ed25519 AAAA… [comment]``.

    Raises:
        ValueError: there is none.
    """
    words = line.split()
    for kind, encoded in itertools.pairwise(words):
        if not encoded.startswith("AAAA"):
            continue
        try:
            blob = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue
        size = int.from_bytes(blob[:4])
        if blob[4 : 4 + size] == kind.encode():
            return blob
    raise ValueError("must be an OpenSSH public key: kind and base64")


@dataclass(frozen=True, slots=True)
class KnownHost:
    """What one host may prove itself with.

    Attributes:
        names: principals of which a certificate must have one: the host's name and address.
        keys: blobs of known keys.
        authorities: blobs of the authorities' keys.
    """

    names: tuple[str, ...]
    keys: tuple[bytes, ...] = ()
    authorities: tuple[bytes, ...] = ()

    def verify(self, presented: bytes, now: float | None = None) -> None:
        """Accept the key or certificate that the host signed the exchange with, or raise.

        Raises:
            SignInFailed: unknown, changed, or a certificate that does not hold; with the fingerprint.
        """
        if any(hmac.compare_digest(presented, key) for key in self.keys):
            return
        certificate = _certificate(presented)
        if certificate is not None:
            self._certified(certificate, time.time() if now is None else now)
            return
        shown = fingerprint(presented)
        if self.keys:
            known = ", ".join(fingerprint(key) for key in self.keys)
            raise SignInFailed(
                f"{self.names[0]} has another host key than it should: {shown} instead of {known}",
                remedy=_REMEDY,
                vendor="linux",
                fingerprint=shown,
            )
        raise SignInFailed(
            f"{self.names[0]} has a host key that is not known: {shown}",
            remedy=_REMEDY,
            vendor="linux",
            fingerprint=shown,
        )

    def _certified(self, certificate: SSHCertificate, now: float) -> None:
        authority = certificate.signature_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        blob = base64.b64decode(authority.split()[1])
        why = self._why_not(certificate, blob, now)
        if why is not None:
            raise SignInFailed(
                f"{self.names[0]} showed a host certificate that does not hold: {why}",
                remedy="Have the host certified anew by the client's authority, or correct the tenant's file.",
                vendor="linux",
                fingerprint=fingerprint(blob),
            )

    def _why_not(self, certificate: SSHCertificate, authority: bytes, now: float) -> str | None:
        if certificate.type is not SSHCertificateType.HOST:
            return "it is no host's"
        if not any(hmac.compare_digest(authority, known) for known in self.authorities):
            return f"its authority is not known: {fingerprint(authority)}"
        try:
            certificate.verify_cert_signature()
        except (InvalidSignature, UnsupportedAlgorithm):
            return "its signature is wrong"
        if not certificate.valid_after <= now < certificate.valid_before:
            return "it is not valid now"
        if certificate.critical_options:
            return "it has critical options, of which hosts have none"
        principals = {name.decode("utf-8", "replace") for name in certificate.valid_principals}
        if principals.isdisjoint(self.names):
            return f"it is for {', '.join(sorted(principals)) or 'nobody'}"
        return None


def _certificate(blob: bytes) -> SSHCertificate | None:
    kind = blob[4 : 4 + int.from_bytes(blob[:4])]
    if not kind.endswith(b"-cert-v01@openssh.com"):
        return None
    try:
        found = load_ssh_public_identity(kind + b" " + base64.b64encode(blob))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, SSHCertificate) else None


def certificate_expiry(text: bytes) -> float | None:
    """When a certificate in OpenSSH's form ends, in seconds since the epoch; None: never, or it is none."""
    words: Sequence[bytes] = text.split()
    try:
        found = load_ssh_public_identity(b" ".join(words[:2]))
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(found, SSHCertificate) or found.valid_before >= 2**63:
        return None
    return float(found.valid_before)
