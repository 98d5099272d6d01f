"""An authority made for one test, and certificates of its: good ones and others."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NAMES = ("localhost", "127.0.0.1")


class Authority:
    """Its own certificate lies in ``ca``; keep it for as long as the test lasts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of a test")])
        now = datetime.now(UTC)
        self._own = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=900))
            .not_valid_after(now + timedelta(days=900))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self._own.public_bytes(Encoding.PEM))

    def issue(
        self,
        stem: str = "server",
        names: tuple[str, ...] = NAMES,
        *,
        begins: timedelta = timedelta(hours=-1),
        ends: timedelta = timedelta(days=90),
        passphrase: bytes | None = None,
    ) -> tuple[Path, Path]:
        """A certificate and its key: ``stem.pem`` and ``stem.key`` (0600), in place of those that lay there.

        Args:
            begins: its validity, from now.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_named, names))), critical=False)
        certificate, private = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        for path, data in (
            (certificate, builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)),
            (private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)),
        ):
            new = path.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_bytes(data)
            new.replace(path)
        return certificate, private


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
