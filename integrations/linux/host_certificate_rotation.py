"""``credentials`` on Linux hosts, the certificates by which they prove themselves to us: issued anew by the authority in the client's vault.

::

    make     for each host a certificate over the key that it has just proven itself with, all of them one secret
             → put in the old one's place on each host, sshd told to read it
    prove    a fresh connection to each host: it shows the new one, and we would know it
    remove   the old one is shown nowhere any more

One host has one certificate, so there is no beside: the new ones are stored before they are set, and set back where a run is undone.

Sources: sshd_config(5), HostCertificate; sshd(8), SIGHUP; https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.certkeys

What is certified is what the host proved to have in the connection at hand, never what a file on it says. Known limits: a host's *key* is
not exchanged; an old certificate that is shown nowhere is good until it ends for whoever has the host's own key; the first certificate of a
host is put there by a person.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_public_identity,
)
from pydantic import SecretBytes

from integrations.linux.certified_key_rotation import authority_key
from integrations.linux.command import Command
from integrations.linux.connection import Connection
from integrations.linux.hostkeys import blob_of, certificate_expiry, fingerprint
from tenantry.capabilities.credentials import LiveCredential, MadeCredential
from tenantry.errors import InDoubt, ProviderError, Rejected, Unreachable, VendorFault

__all__ = ["HostCertificates"]

_EARLIER: Final = 300
_PAUSES: Final = (0.0, 0.1, 0.3, 1.0, 3.0)
"""Seconds between looks whether sshd shows what it was told to read."""


class HostCertificates:
    """Implements :class:`~tenantry.capabilities.credentials.CredentialService` and :class:`~tenantry.capabilities.credentials.Expiring`.

    A value is lines of ``HOST KIND BASE64``; a text without any is what there is before the first.

    Args:
        places: every host.
        trusted: public keys of the authorities by which we know hosts.
        authority: the private key of one of them, asked for when something is certified.
        life: of a new certificate.
    """

    kind = "ssh_host_certificates"
    secret = "host_certificates"  # noqa: S105  # a name
    in_place = True
    labels = False
    listed = False

    def __init__(
        self,
        places: Sequence[Connection],
        trusted: Sequence[bytes],
        authority: Callable[[], Awaitable[bytes]],
        life: timedelta,
    ) -> None:
        self._places = places
        self._trusted = trusted
        self._authority = authority
        self._life = life

    async def live(self) -> Sequence[LiveCredential]:
        """In no list."""
        return ()

    async def identify(self, value: SecretBytes, live: Sequence[LiveCredential]) -> str | None:  # noqa: ARG002  # likewise
        """They are known by what the hosts show alone."""
        return None

    async def prepare(self, label: str) -> SecretBytes | None:
        """A certificate for each host, over the key in the one that it shows now; good for its name and its address.

        Raises:
            Rejected: a host shows none, or the authority is none by which we know hosts. Nothing was made.
        """
        signing = authority_key(await self._authority())
        own = blob_of(signing.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())
        if not any(hmac.compare_digest(own, known) for known in self._trusted):
            raise Rejected(
                f"the authority in the vault ({fingerprint(own)}) is none of those by which hosts are known",
                remedy="Put its public key under `authorities` in the tenant's file, or store the right one.",
                vendor="linux",
            )
        shown = await asyncio.gather(*map(_shown, self._places))
        now, lines = int(time.time()), []
        for place, presented in zip(self._places, shown, strict=True):
            kind = presented[4 : 4 + int.from_bytes(presented[:4])]
            if b"-cert-v01@" not in kind:
                raise Rejected(
                    f"{place.target.name}: shows a key and no certificate",
                    remedy="Certify its key once by hand, name the file in its sshd_config (HostCertificate), and reload sshd.",
                    vendor="linux",
                )
            held = load_ssh_public_identity(kind + b" " + base64.b64encode(presented))
            made = (
                SSHCertificateBuilder()
                .public_key(held.public_key())  # type: ignore[union-attr]  # a certificate, as its kind says
                .serial(time.time_ns() // 1000)
                .type(SSHCertificateType.HOST)
                .key_id(f"{place.target.name} {label}".encode())
                .valid_principals([name.encode() for name in dict.fromkeys((place.target.name, place.target.address))])
                .valid_after(now - _EARLIER)
                .valid_before(now + int(self._life.total_seconds()))
                .sign(signing)
            )
            lines.append(place.target.name.encode() + b" " + made.public_bytes())
        return SecretBytes(b"\n".join(lines) + b"\n")

    async def create(self, label: str, value: SecretBytes | None, signing: SecretBytes) -> MadeCredential:  # noqa: ARG002
        """Set on every host that shows another; the others are done where one fails."""
        wanted = {} if value is None else _lines(value)
        if value is None or not wanted:
            raise Rejected("there is no certificate to set: none was stored before", vendor="linux")
        ended = await asyncio.gather(
            *(_set(place, wanted[place.target.name]) for place in self._places if place.target.name in wanted),
            return_exceptions=True,
        )
        for error in ended:
            if error is not None:
                raise error
        return MadeCredential(id="certificates", value=value, expires_at=self.expires(value))

    async def suspend(self, id: str, signing: SecretBytes) -> bool:  # noqa: ARG002  # there is no such thing
        """The old one went when the new one came."""
        return False

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """As above."""

    async def works(self, value: SecretBytes) -> bool:
        """Every host shows its own."""
        wanted = _lines(value)
        shown = await asyncio.gather(*map(_shown, self._places))
        return all(
            hmac.compare_digest(presented, wanted.get(place.target.name, b""))
            for place, presented in zip(self._places, shown, strict=True)
        )

    async def dead(self, value: SecretBytes) -> bool:
        """No host shows its own."""
        wanted = _lines(value)
        shown = await asyncio.gather(*map(_shown, self._places))
        return not any(
            hmac.compare_digest(presented, wanted.get(place.target.name, b""))
            for place, presented in zip(self._places, shown, strict=True)
        )

    def expires(self, value: SecretBytes) -> datetime | None:
        """The first of them that ends."""
        ends = [certificate_expiry(_line(blob)) for blob in _lines(value).values()]
        known = [end for end in ends if end is not None]
        return datetime.fromtimestamp(min(known), UTC) if known else None


def _lines(value: SecretBytes) -> Mapping[str, bytes]:
    """Host → its certificate's bytes. Lines that are none are left out."""
    found: dict[str, bytes] = {}
    for line in value.get_secret_value().decode("utf-8", "replace").splitlines():
        name, _, rest = line.partition(" ")
        with contextlib.suppress(ValueError):
            found[name] = blob_of(rest)
    return found


def _line(blob: bytes) -> bytes:
    return blob[4 : 4 + int.from_bytes(blob[:4])] + b" " + base64.b64encode(blob)


async def _shown(place: Connection) -> bytes:
    """What a host proves itself with now, over a connection that begins now."""
    anew = await place.fresh()
    try:
        return (await anew.login()).presented
    finally:
        await anew.aclose()


async def _set(place: Connection, blob: bytes) -> None:
    """Put it in the place of the one over the same key, have sshd read it, and see it shown.

    Raises:
        Rejected: sshd names no file of that key, or would not start with it; the old one stands.
        InDoubt: set, and not shown yet.
    """
    if await _shown(place) == blob:
        return
    path, old = await _file_of(place, blob)
    if old != blob:
        await _write(place, path, blob)
        if (await place.read(Command.of("sshd", "-T", root=True))).code != 0:
            await _write(place, path, old)
            raise Rejected(f"{place.target.name}: its sshd does not take the new certificate", vendor="linux")
    # Where a socket starts an sshd for each connection there is none to be told, and none needs to be.
    pid = next((line[1] for line in await _config(place) if line[0] == "pidfile"), "/run/sshd.pid")
    await place.write(Command.of("pkill", "-HUP", "-F", pid, root=True, quiet=True))
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        with contextlib.suppress(Unreachable, VendorFault):  # it starts again just now
            if await _shown(place) == blob:
                return
    raise InDoubt(f"{place.target.name}: the new certificate is set, and its sshd does not show it yet", vendor="linux")


async def _file_of(place: Connection, blob: bytes) -> tuple[str, bytes]:
    """The file of HostCertificate that holds a certificate over the same key, and that certificate."""
    wanted = _key_of(blob)
    for line in await _config(place):
        if line[0] != "hostcertificate" or not line[1].startswith("/"):
            continue
        text = await place.read(Command.of("cat", "--", line[1], root=True))
        with contextlib.suppress(ValueError, ProviderError):
            held = blob_of(text.out.decode("utf-8", "replace"))
            if _key_of(held) == wanted:
                return line[1], held
    raise Rejected(
        f"{place.target.name}: its sshd_config names no certificate of the key that it shows",
        remedy="Name the file in sshd_config (HostCertificate) outside any Match block.",
        vendor="linux",
    )


def _key_of(blob: bytes) -> bytes:
    found = load_ssh_public_identity(_line(blob))
    key = found.public_key()  # type: ignore[union-attr]  # a certificate: what is none raises ValueError or has no such key
    return bytes(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))


async def _config(place: Connection) -> list[list[str]]:
    shown = await place.read(Command.of("sshd", "-T", root=True))
    if shown.code != 0:
        raise Rejected(
            f"{place.target.name}: its sshd does not say how it is set up", vendor="linux", status=shown.code
        )
    words = [line.split(maxsplit=1) for line in shown.out.decode("utf-8", "replace").splitlines()]
    return [line for line in words if len(line) > 1]


async def _write(place: Connection, path: str, blob: bytes) -> None:
    """A whole new file in the old one's place, with its owner and mode: sed never leaves half a line."""
    program = b"1c " + _line(blob) + b"\n2,$d"
    outcome = await place.write(Command.of("sed", "--in-place", "-e", program, "--", path, root=True))
    if outcome.code != 0:
        raise Rejected(
            f"{place.target.name}: the certificate could not be put into {path}", vendor="linux", status=outcome.code
        )
