"""The certificate with which a service is reached from other machines: read, held against its key and the clock, and renewed.

What is refused here would be refused by the first client, with a worse message and at a worse moment.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tenantry.errors import InvalidInput

__all__ = ["Certificate"]

_LARGEST: Final = 1 << 20
"""Bytes of a file of certificates; a chain takes some thousand."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chain and its key that fit together.

    Attributes:
        file: PEM, the service's own certificate first, then those between it and an authority that clients know.
        key: PEM, without a passphrase: nobody is there to type one when the service starts again.
        names: DNS names and addresses that it vouches for (RFC 5280 §4.2.1.6), in its own order. Never empty.
        until: its last second.
        stamp: what tells these files from those that replace them.
    """

    file: Path
    key: Path
    names: tuple[str, ...]
    until: datetime
    stamp: tuple[int, ...]

    @classmethod
    def read(cls, file: Path, key: Path, *, now: datetime | None = None) -> Self:
        """Read and check both files.

        Args:
            now: the time; the system's when None.

        Raises:
            InvalidInput: naming the file: unreadable, no certificate or key, a key that others can read or that has a passphrase,
                not the certificate's key, expired, not valid yet, or vouching for no name.
        """
        at = now or datetime.now(UTC)
        stamp = (*_stamp(file), *_stamp(key))
        leaf = _leaf(file)
        _guard(key)
        if _public(key) != leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
            raise InvalidInput(f"is not the key of the certificate in {file}", place=str(key))
        if leaf.not_valid_after_utc < at:
            raise InvalidInput(
                f"expired on {leaf.not_valid_after_utc:%Y-%m-%d}", place=str(file), remedy="Renew the certificate."
            )
        if leaf.not_valid_before_utc > at:
            raise InvalidInput(
                f"is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
                place=str(file),
                remedy="Look at this machine's clock, then at the certificate.",
            )
        return cls(file, key, _names(leaf, file), leaf.not_valid_after_utc, stamp)

    def context(self) -> ssl.SSLContext:
        """For a server: TLS 1.2 and later, no certificate asked of clients, who sign in otherwise.

        Raises:
            InvalidInput: OpenSSL takes the pair not, a key too short for instance.
        """
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        self.into(made)
        return made

    def into(self, context: ssl.SSLContext) -> None:
        """Use this one for the connections that come from now on.

        Raises:
            InvalidInput: as `context`.
        """
        try:
            # The empty passphrase keeps OpenSSL from asking for one on a terminal.
            context.load_cert_chain(self.file, self.key, password="")
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            raise InvalidInput(f"is not taken by OpenSSL ({reason})", place=str(self.file)) from error

    def renewed(self) -> Self | None:
        """The pair that lies there now, when it is another one.

        Raises:
            InvalidInput: as `read`, of the new pair.
        """
        if (*_stamp(self.file), *_stamp(self.key)) == self.stamp:
            return None
        return self.read(self.file, self.key)

    def vouches_for(self, host: str) -> bool:
        """Whether a client that calls this host name or address takes it (RFC 6125 §6.4: a wildcard is one label)."""
        wanted = host.lower().rstrip(".")
        return any(
            wanted == name or (name.startswith("*.") and wanted.partition(".")[2] == name[2:])
            for name in map(str.lower, self.names)
        )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise InvalidInput(f"cannot be read ({error.strerror})", place=str(path)) from error


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise InvalidInput(f"cannot be read ({error.strerror})", place=str(path)) from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def _leaf(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(_read(path))[0]
    except ValueError:
        raise InvalidInput("holds no certificate in PEM", place=str(path)) from None


def _guard(path: Path) -> None:
    """Nobody but this account reads it; a group may where root owns it, as PostgreSQL has it (libpq-ssl): on Debian keys of
    several services lie so."""
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    allowed = 0o640 if found.st_uid == 0 and os.geteuid() != 0 else 0o600
    if found.st_uid not in (0, os.geteuid()):
        raise InvalidInput(
            "belongs to another account", place=str(path), remedy="Give it to the account that runs the service."
        )
    if mode & 0o777 & ~allowed & ~0o100:
        raise InvalidInput(
            f"can be read by others (mode {mode:04o})",
            place=str(path),
            remedy=f"Run `chmod 600 {path}`; if others could read it for long, have it replaced.",
        )


def _public(path: Path) -> bytes:
    try:
        key = load_pem_private_key(_read(path), None)
    except TypeError:
        raise InvalidInput(
            "has a passphrase", place=str(path), remedy="Store it without one, readable by the service alone."
        ) from None
    except ValueError:
        raise InvalidInput("holds no private key in PEM", place=str(path)) from None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _names(leaf: x509.Certificate, path: Path) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names: list[str] = []
    else:
        names = [
            str(name.value) for name in found if isinstance(name, x509.DNSName | x509.IPAddress) and _meant(name.value)
        ]
    if not names:
        raise InvalidInput(
            "names no host (subjectAltName)", place=str(path), remedy="Have one made for the name that people will use."
        )
    return tuple(names)


def _meant(value: object) -> bool:
    """In a certificate for a server an address is one address, not a network (which constraints have)."""
    return isinstance(value, str | ipaddress.IPv4Address | ipaddress.IPv6Address)
