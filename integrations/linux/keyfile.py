"""What the vault holds of our key: a private key in OpenSSH's or PEM's form, and its certificate, in a secret of its own or on the line
behind the key. Behind it they are exchanged by one write.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from typing import Final

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from integrations.linux.wire import Credential
from tenantry.errors import SignInFailed

__all__ = ["certificate_line", "credential", "joined", "private_key", "split"]

_END: Final = re.compile(rb"-----END [A-Z ]*PRIVATE KEY-----[ \t]*\r?\n?")
_KINDS: Final = {"Ed25519PrivateKey": paramiko.Ed25519Key, "RSAPrivateKey": paramiko.RSAKey}


def split(value: bytes) -> tuple[bytes, bytes | None]:
    """The private key, and the certificate behind it; None where there is none."""
    end = _END.search(value)
    behind = b"" if end is None else value[end.end() :].strip()
    return (value, None) if end is None or not behind else (value[: end.end()], behind)


def joined(key: bytes, certificate: bytes) -> bytes:
    """Both as `split` takes them apart."""
    return key.strip() + b"\n" + certificate.strip() + b"\n"


def private_key(key: bytes, passphrase: bytes | None) -> object:
    """As cryptography has it. Raises ValueError, TypeError, UnsupportedAlgorithm, whose texts may quote what they could not read."""
    load = load_ssh_private_key if b"BEGIN OPENSSH" in key else load_pem_private_key
    return load(key.strip() + b"\n", passphrase)


def credential(
    value: bytes, certificate: bytes | None, passphrase: bytes | None, *, lenient: bool = False
) -> Credential:
    """What signs in.

    Args:
        certificate: of a secret of its own; one behind the key comes before it.
        lenient: a certificate of its own that is another key's is left out: it belongs to an older or newer key.

    Raises:
        SignInFailed: they cannot be read together. Nothing of them is repeated.
    """
    key, behind = split(value)
    try:
        opened = private_key(key, passphrase)
        text = opened.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()  # type: ignore[attr-defined]  # a key's
        kind = _KINDS.get(type(opened).__name__.removeprefix("_"), paramiko.ECDSAKey)
        made = kind.from_private_key(io.StringIO(text))
        certified = None
        wanted = behind or certificate
        if wanted is not None and not (lenient and behind is None and not _is_of(wanted, made)):
            certified = kind.from_private_key(io.StringIO(text))
            certified.load_certificate(wanted.decode())
    except (ValueError, TypeError, UnsupportedAlgorithm, paramiko.SSHException) as error:
        # The exceptions' own texts are left out: they may quote what they could not read.
        raise SignInFailed(
            "the key, its passphrase or its certificate in the vault cannot be read together",
            remedy="Store an OpenSSH private key, its passphrase where it has one, and a certificate of that very key.",
            vendor="linux",
            reason=type(error).__name__,
        ) from None
    return Credential(made, certified, apart=certified is not None and behind is None)


def certificate_line(found: Credential) -> bytes | None:
    """The certificate as a line of OpenSSH's; None where there is none."""
    if found.certified is None:
        return None
    blob = found.certified.public_blob
    return b" ".join((blob.key_type.encode(), base64.b64encode(blob.key_blob)))


def _is_of(certificate: bytes, key: paramiko.PKey) -> bool:
    """Whether the certificate is over this key: its public half stands in it behind kind and nonce (PROTOCOL.certkeys)."""
    words: Sequence[bytes] = certificate.split()
    try:
        blob = base64.b64decode(words[1])
    except (IndexError, ValueError):
        return False
    own = key.asbytes()
    return own[4 + int.from_bytes(own[:4]) :] in blob
