"""``credentials`` on Linux hosts, the key: the one that our account signs in with, on every host of the tenant and the jump host.

It is one credential in many places, so nothing is believed of the whole before every host said it: a host that does not answer stops
the rotation where it is, with the old key in force everywhere.

The new line stands beside the old one in the account's own ``~/.ssh/authorized_keys``, with the same options before it (sshd(8),
AUTHORIZED_KEYS FILE FORMAT); the old one goes once the new one signed in everywhere.

Known limits: keys that stand in another file than the account's own are replaced by a person; those with a certificate by
:mod:`integrations.linux.certified_key_rotation`, where the vault has the authority.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretBytes

from integrations.linux.command import Command, Outcome, bre
from integrations.linux.connection import Connection, Credential
from tenantry.capabilities.credentials import LiveCredential, MadeCredential
from tenantry.errors import Conflict, Rejected, SignInFailed

__all__ = ["LinuxKey", "let_in", "remove_lines"]

_FILE: Final = '"$HOME/.ssh/authorized_keys"'
_READ: Final = f"[ ! -e {_FILE} ] || cat -- {_FILE}"
_ADD: Final = (
    f'umask 077; f={_FILE}; grep -aqxF -e "$1" -- "$f" && exit 0; '
    '{ [ -z "$(tail -c 1 -- "$f")" ] || echo; printf "%s\\n" "$1"; } >>"$f"'
)
"""A last line without an end would otherwise swallow the new one."""
_DROP: Final = f'sed --in-place -e "$1" -- {_FILE}'

Parse = Callable[[bytes], Awaitable[Credential]]
"""A private key of the vault → what signs in."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One key of authorized_keys: its id, what stands before and behind it, and the line itself."""

    id: str
    options: bytes
    comment: str
    whole: bytes


class LinuxKey:
    """Implements :class:`~tenantry.capabilities.credentials.CredentialService`.

    Args:
        places: every connection that the key signs in to.
        parse: reads a private key, with the passphrase of the vault where there is one.
        passphrase: under which a new key is stored; None: as it is.
        certified: whether the key has a certificate.
    """

    kind = "ssh_key"
    secret = "key"  # noqa: S105  # a name
    in_place = False
    labels = False
    listed = True

    def __init__(
        self,
        places: Sequence[Connection],
        parse: Parse,
        passphrase: Callable[[], Awaitable[bytes | None]],
        certified: Callable[[], Awaitable[bool]],
    ) -> None:
        self._places = places
        self._parse = parse
        self._passphrase = passphrase
        self._certified = certified

    async def live(self) -> Sequence[LiveCredential]:
        """Keys in our account's file, by the digest of their public half; complete where every host has it."""
        if await self._certified():
            raise Rejected(
                "the key signs in with a certificate",
                remedy="Give the settings certificate_hours and the secret authority, so that new keys are certified here; or have a "
                "person replace both with the runbook credential_handover.",
                vendor="linux",
            )
        found = await asyncio.gather(*map(_lines, self._places))
        comments = {line.id: line.comment for lines in found for line in lines}
        held = [{line.id for line in lines} for lines in found]
        return [
            LiveCredential(id=id, label=comment, complete=all(id in ids for ids in held))
            for id, comment in comments.items()
        ]

    async def identify(self, value: SecretBytes, live: Sequence[LiveCredential]) -> str | None:
        """By its public half, which is in it."""
        mark = await self._id(value)
        return mark if any(one.id == mark for one in live) else None

    async def prepare(self, label: str) -> SecretBytes | None:  # noqa: ARG002  # the line gets it
        """An Ed25519 key in OpenSSH's form, under the passphrase of the vault where the present one is."""
        passphrase = await self._passphrase()

        def made() -> SecretBytes:
            protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
            key = Ed25519PrivateKey.generate()
            return SecretBytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, protection))

        return await asyncio.to_thread(made)

    async def create(self, label: str, value: SecretBytes | None, signing: SecretBytes) -> MadeCredential:
        """Add its line on every host, behind the options that the present one has there. What is there stays.

        Raises:
            Rejected: the present key does not stand in the account's own file on some host; nothing was added.
        """
        if value is None:
            raise Rejected("a key is made here, not by a host", vendor="linux")
        new, old = await self._parse(value.get_secret_value()), await self._id(signing)
        kind, blob = new.key.get_name().encode(), base64.b64encode(new.key.asbytes())
        wanted: list[bytes] = []
        for place, lines in zip(self._places, await asyncio.gather(*map(_lines, self._places)), strict=True):
            present = next((line for line in lines if line.id == old), None)
            if present is None:
                raise Rejected(
                    f"{place.target.name}: the key of the vault does not stand in ~/.ssh/authorized_keys of "
                    f"{place.target.account}",
                    remedy="Put it there, or have a person replace it with the runbook credential_handover.",
                    vendor="linux",
                )
            comment = label.replace("\n", " ").encode()
            wanted.append(b" ".join(part for part in (present.options, kind, blob, comment) if part))
        await self._everywhere(
            signing, lambda n: Command.of("sh", "-c", _ADD, "sh", wanted[n]), "the new key could not be added"
        )
        return MadeCredential(id=_digest(new.key.asbytes()), value=value)

    async def suspend(self, id: str, signing: SecretBytes) -> bool:  # noqa: ARG002  # there is no such thing
        """A line is there or not."""
        return False

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """Take its lines away on every host, over a connection of the key that stays.

        Raises:
            Conflict: it is the key that stays.
        """
        if id == await self._id(signing):
            raise Conflict("this key is the one that signs in now")
        lines = await asyncio.gather(*map(_lines, self._places))
        programs = [b"".join(b"\\%^" + bre(line.whole) + b"$%d\n" for line in some if line.id == id) for some in lines]
        await self._everywhere(
            signing,
            lambda n: Command.of("sh", "-c", _DROP, "sh", programs[n]) if programs[n] else None,
            "the old key could not be removed",
        )

    async def can_leave(self) -> bool:
        """It stands in a file that it may write."""
        return True

    async def leave(self, value: SecretBytes) -> None:
        """Take its own lines away on every host, over a connection of itself. A host that refuses it has it no more."""
        found = await self._parse(value.get_secret_value())

        async def credential() -> Credential:
            return found

        async def one(place: Connection) -> None:
            if not await let_in(place, found):
                return
            anew = place.like(credential=credential)
            try:
                await remove_lines(anew, found.key.asbytes())
            finally:
                await anew.aclose()

        ended = await asyncio.gather(*(one(place) for place in self._places), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def works(self, value: SecretBytes) -> bool:
        """Signs in on every host."""
        return all(await self._let_in(value))

    async def dead(self, value: SecretBytes) -> bool:
        """Is refused on every host."""
        return not any(await self._let_in(value))

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _id(self, value: SecretBytes) -> str:
        return _digest((await self._parse(value.get_secret_value())).key.asbytes())

    async def _let_in(self, value: SecretBytes) -> list[bool]:
        found = await self._parse(value.get_secret_value())
        return list(await asyncio.gather(*(let_in(place, found) for place in self._places)))

    async def _everywhere(self, signing: SecretBytes, command: Callable[[int], Command | None], problem: str) -> None:
        """A command on each host, all at once, over connections of that key. The first that fails is raised when all have ended."""
        found = await self._parse(signing.get_secret_value())

        async def credential() -> Credential:
            return found

        async def one(number: int, place: Connection) -> None:
            wanted = command(number)
            if wanted is None:
                return
            anew = place.like(credential=credential)
            try:
                outcome = await anew.write(wanted)
            finally:
                await anew.aclose()
            _succeeded(place, outcome, problem)

        ended = await asyncio.gather(
            *(one(number, place) for number, place in enumerate(self._places)), return_exceptions=True
        )
        for error in ended:
            if error is not None:
                raise error


async def let_in(place: Connection, found: Credential) -> bool:
    """Whether a host lets it in. Raises what says nothing of it: the host does not answer, or another one does."""

    async def credential() -> Credential:
        return found

    anew = place.like(credential=credential)
    try:
        await anew.login()
    except SignInFailed as error:
        if not error.detail.get("refused"):
            raise  # another host answers there: what it says of our key is worth nothing
        return False
    finally:
        await anew.aclose()
    return True


async def _lines(place: Connection) -> list[_Line]:
    outcome = await place.read(Command.of("sh", "-c", _READ))
    _succeeded(place, outcome, "~/.ssh/authorized_keys could not be read")
    return [found for line in outcome.lines() if (found := _line(line)) is not None]


async def remove_lines(place: Connection, blob: bytes) -> None:
    """Take a public key's lines out of our account's own file, over this connection."""
    programs = b"".join(
        b"\\%^" + bre(line.whole) + b"$%d\n" for line in await _lines(place) if line.id == _digest(blob)
    )
    if programs:
        outcome = await place.write(Command.of("sh", "-c", _DROP, "sh", programs))
        _succeeded(place, outcome, "the old key could not be removed")


def _line(whole: bytes) -> _Line | None:
    """A key's line; None for comments and what is no key. Options may hold blanks between quotes, so the key's own form decides."""
    if whole.lstrip().startswith(b"#"):
        return None
    words = whole.split()
    for n, (kind, encoded) in enumerate(itertools.pairwise(words)):
        if not encoded.startswith(b"AAAA"):
            continue
        try:
            blob = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            continue
        if blob[4 : 4 + int.from_bytes(blob[:4])] == kind:
            # Behind the last mention of the kind before the key: an option may hold the same word.
            options = whole[: whole.rindex(kind, 0, whole.index(encoded))].strip()
            return _Line(_digest(blob), options, b" ".join(words[n + 2 :]).decode("utf-8", "replace"), whole)
    return None


def _digest(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def _succeeded(place: Connection, outcome: Outcome, problem: str) -> None:
    if outcome.code != 0:
        raise Rejected(f"{place.target.name}: {problem}", vendor="linux", status=outcome.code)
