"""``credentials`` on Linux hosts, the key where the hosts trust an authority: a new key, certified by the authority in the client's vault.

::

    make     a key pair and its certificate, one secret       no host is told: they trust the authority (TrustedUserCAKeys)
    prove    signed in on every host, with the certificate alone
    remove   the old key on every host's list of revoked keys (RevokedKeys) and out of authorized_keys
             → tried on every host, with its certificate and without: must be refused

Sources: sshd_config(5), TrustedUserCAKeys and RevokedKeys (a revoked key takes all of its certificates along);
https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.certkeys

A certificate is in no list of any host, so without a list of revoked keys the old one lives until it ends; where a host has none, nothing
is begun. The list is changed by ``sed -i``, which puts a whole new file in its place: a list with half a line would keep everybody out.

Known limits: a list in the binary form (KRL) is changed by a person; so is the authority itself.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)
from pydantic import SecretBytes

from integrations.linux.command import Command
from integrations.linux.connection import Connection, Credential
from integrations.linux.hostkeys import certificate_expiry
from integrations.linux.key_rotation import let_in, remove_lines
from integrations.linux.keyfile import joined, private_key, split
from tenantry.capabilities.credentials import LiveCredential, MadeCredential
from tenantry.errors import Conflict, Rejected, SignInFailed

__all__ = ["CertifiedKey", "authority_key"]

_EARLIER: Final = 300
"""Seconds before now from which a certificate is good: hosts' clocks differ."""
_READ: Final = 'test -s "$1" && ! head -c 6 -- "$1" | grep -qaF SSHKRL'
"""A list that is there, is not empty (sed adds no line to what has none), and is text."""

Parse = Callable[[bytes], Awaitable[Credential]]


class CertifiedKey:
    """Implements :class:`~tenantry.capabilities.credentials.CredentialService` and :class:`~tenantry.capabilities.credentials.Expiring`.

    Args:
        places: every connection that the key signs in to.
        parse: reads a value of the vault, with its certificate where it has one.
        passphrase: under which a new key is stored; None: as it is.
        authority: the private key that the hosts trust, asked for when something is certified.
        life: of a new certificate.
    """

    kind = "ssh_key"
    secret = "key"  # noqa: S105  # a name
    in_place = False
    labels = False
    listed = False

    def __init__(
        self,
        places: Sequence[Connection],
        parse: Parse,
        passphrase: Callable[[], Awaitable[bytes | None]],
        authority: Callable[[], Awaitable[bytes]],
        life: timedelta,
    ) -> None:
        self._places = places
        self._parse = parse
        self._passphrase = passphrase
        self._authority = authority
        self._life = life

    async def live(self) -> Sequence[LiveCredential]:
        """In no list."""
        return ()

    async def identify(self, value: SecretBytes, live: Sequence[LiveCredential]) -> str | None:  # noqa: ARG002  # none is listed
        """The public key itself, in letters that paths take."""
        return base64.urlsafe_b64encode((await self._parse(value.get_secret_value())).key.asbytes()).decode()

    async def prepare(self, label: str) -> SecretBytes | None:
        """An Ed25519 key and its certificate, for the accounts that we sign in as.

        Raises:
            Rejected: a host could not be told that the old key is no good any more; nothing was made.
        """
        await asyncio.gather(*map(_revoked_list, self._places))
        signing, passphrase = await self._authority(), await self._passphrase()
        accounts = sorted({place.target.account for place in self._places})

        def made() -> SecretBytes:
            protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
            key, now = Ed25519PrivateKey.generate(), int(time.time())
            certificate = (
                SSHCertificateBuilder()
                .public_key(key.public_key())
                .serial(time.time_ns() // 1000)
                .type(SSHCertificateType.USER)
                .key_id(label.encode())
                .valid_principals([name.encode() for name in accounts])
                .valid_after(now - _EARLIER)
                .valid_before(now + int(self._life.total_seconds()))
                .add_extension(b"permit-port-forwarding", b"")
                .add_extension(b"permit-pty", b"")
                .sign(authority_key(signing))
            )
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, protection)
            return SecretBytes(joined(pem, certificate.public_bytes()))

        return await asyncio.to_thread(made)

    async def create(self, label: str, value: SecretBytes | None, signing: SecretBytes) -> MadeCredential:  # noqa: ARG002
        """Nothing is told to any host: a certified key lives from the moment that it is certified."""
        if value is None or split(value.get_secret_value())[1] is None:
            raise Rejected("a certified key is made here, not by a host", vendor="linux")
        return MadeCredential(id=str(await self.identify(value, ())), value=value, expires_at=self.expires(value))

    async def suspend(self, id: str, signing: SecretBytes) -> bool:  # noqa: ARG002  # there is no such thing
        """A key is revoked or not."""
        return False

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """Revoked on every host, and its lines taken away, over connections of the key that stays; the others are done where one fails.

        Raises:
            Conflict: it is the key that stays.
        """
        if id == await self.identify(signing, ()):
            raise Conflict("this key is the one that signs in now")
        blob = base64.urlsafe_b64decode(id)
        found = await self._parse(signing.get_secret_value())
        line = b" ".join((blob[4 : 4 + int.from_bytes(blob[:4])], base64.b64encode(blob)))

        async def credential() -> Credential:
            return found

        async def one(place: Connection) -> None:
            anew = place.like(credential=credential)
            try:
                await remove_lines(anew, blob)
                path = await _revoked_list(anew)
                if (await anew.read(Command.of("grep", "-aqxF", "-e", line, "--", path, root=True))).code == 0:
                    return
                outcome = await anew.write(Command.of("sed", "--in-place", "-e", b"$a " + line, "--", path, root=True))
                if outcome.code != 0:
                    raise Rejected(
                        f"{place.target.name}: the old key could not be revoked", vendor="linux", status=outcome.code
                    )
            finally:
                await anew.aclose()

        for error in await asyncio.gather(*map(one, self._places), return_exceptions=True):
            if error is not None:
                raise error

    async def works(self, value: SecretBytes) -> bool:
        """Signs in on every host, with its certificate where it has one."""
        found = await self._parse(value.get_secret_value())
        wanted = replace(found, alone=found.certified is not None)
        return all(await asyncio.gather(*(let_in(place, wanted) for place in self._places)))

    async def dead(self, value: SecretBytes) -> bool:
        """Is refused on every host, with its certificate and without."""
        found = await self._parse(value.get_secret_value())
        return not any(await asyncio.gather(*(let_in(place, found) for place in self._places)))

    def expires(self, value: SecretBytes) -> datetime | None:
        """Of the certificate behind the key."""
        certificate = split(value.get_secret_value())[1]
        ends = certificate_expiry(certificate) if certificate is not None else None
        return None if ends is None else datetime.fromtimestamp(ends, UTC)


def authority_key(value: bytes) -> Ed25519PrivateKey:
    """The private key of an authority; any kind that certificates are signed with. Raises SignInFailed: it cannot be read."""
    try:
        found = private_key(value, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SignInFailed(
            "the authority's key in the vault cannot be read",
            remedy="Store its private key in OpenSSH's form, without a passphrase, with `tenantry vault put`.",
            vendor="linux",
            reason=type(error).__name__,
        ) from None
    return found  # type: ignore[return-value]  # the builder takes every kind that private_key reads


async def _revoked_list(place: Connection) -> str:
    """Where a host's sshd has its list of revoked keys. Raises Rejected: it has none to which a line can be added."""
    shown = await place.read(Command.of("sshd", "-T", root=True))
    words = [line.split(maxsplit=1) for line in shown.out.decode("utf-8", "replace").splitlines()]
    path = next((line[1] for line in words if line[0] == "revokedkeys" and len(line) > 1), "none")
    if shown.code != 0 or not path.startswith("/"):
        raise Rejected(
            f"{place.target.name}: its sshd has no list of revoked keys, so an old certificate would live until it ends",
            remedy="Begin one (echo '# revoked' > /etc/ssh/revoked_keys), name it in sshd_config (RevokedKeys), reload sshd.",
            vendor="linux",
        )
    if (await place.read(Command.of("sh", "-c", _READ, "sh", path))).code != 0:
        raise Rejected(
            f"{place.target.name}: no line can be added to {path}: it is empty, not to be read by us, or binary",
            remedy="Make it a text file that begins with a comment, mode 0644; or revoke the old key by hand.",
            vendor="linux",
        )
    return path
