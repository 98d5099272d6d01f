"""``credentials`` on Linux hosts, the password: the one of our own account, which sudo asks for, on every host of the tenant.

A password has no beside: chpasswd(8) puts the new one in the old one's place, host by host. So it is stored before it is set, and each
host is asked which of the two it has. Signing in does not depend on it (that is the key's), so nobody is locked out halfway.

Proven by use: sudo is asked for it (sudo(8), ``-k`` and ``-v``), not looked up in a file. Known limit: where sudo asks our account for no
password, it cannot be proven, and is not replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from pydantic import SecretBytes

from integrations.linux.command import ACCOUNT, Command
from integrations.linux.connection import Connection
from tenantry.capabilities.credentials import LiveCredential, MadeCredential
from tenantry.errors import Rejected
from tenantry.passwords import new_password

__all__ = ["LinuxPassword"]

_TRY: Final = "IFS= read -r p; sudo -k; printf '%s\\n' \"$p\" | sudo -S -p '' -v >/dev/null 2>&1"
"""By a shell's own ``read`` and ``printf``, so it is in no process's arguments."""
_UNASKED: Final = "sudo -k; sudo -n -v >/dev/null 2>&1"
_REFUSED: Final = 1


class LinuxPassword:
    """Implements :class:`~tenantry.capabilities.credentials.CredentialService`.

    Args:
        places: every connection where sudo asks for it.
    """

    kind = "password"
    secret = "sudo_password"  # noqa: S105  # a name
    in_place = True
    labels = False
    listed = True

    def __init__(self, places: Sequence[Connection]) -> None:
        self._places = places

    async def live(self) -> Sequence[LiveCredential]:
        """There are none by an id."""
        return ()

    async def identify(self, value: SecretBytes, live: Sequence[LiveCredential]) -> str | None:  # noqa: ARG002  # likewise
        """A password is known by trying alone."""
        return None

    async def prepare(self, label: str) -> SecretBytes | None:  # noqa: ARG002  # a password has no name
        """Twenty-four characters."""
        return SecretBytes(new_password().get_secret_value().encode())

    async def create(self, label: str, value: SecretBytes | None, signing: SecretBytes) -> MadeCredential:  # noqa: ARG002
        """Set it on every host that has another; with the present one, which sudo asks for."""
        if value is None:
            raise Rejected("a password is made here, not by a host", vendor="linux")
        ended = await asyncio.gather(*(_set(place, value, signing) for place in self._places), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return MadeCredential(id="password", value=value)

    async def suspend(self, id: str, signing: SecretBytes) -> bool:  # noqa: ARG002  # there is no such thing
        """The old one went when the new one came."""
        return False

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """As above."""

    async def works(self, value: SecretBytes) -> bool:
        """sudo takes it on every host."""
        return all(await asyncio.gather(*(_taken(place, value) for place in self._places)))

    async def dead(self, value: SecretBytes) -> bool:
        """sudo refuses it on every host."""
        return not any(await asyncio.gather(*(_taken(place, value) for place in self._places)))


async def _taken(place: Connection, value: SecretBytes) -> bool:
    """Raises Rejected: sudo asks for none there, so nothing can be told."""
    unasked = await place.read(Command.of("sh", "-c", _UNASKED))
    if unasked.code == 0:
        raise Rejected(
            f"{place.target.name}: sudo asks {place.target.account} for no password, so none can be proven",
            remedy="Take sudo_password out of the tenant's file, or have sudo ask for it there.",
            vendor="linux",
        )
    tried = await place.read(Command.of("sh", "-c", _TRY, stdin=value.get_secret_value() + b"\n"))
    if tried.code not in (0, _REFUSED):
        raise Rejected(f"{place.target.name}: sudo could not be asked", vendor="linux", status=tried.code)
    return tried.code == 0


async def _set(place: Connection, value: SecretBytes, signing: SecretBytes) -> None:
    if await _taken(place, value):
        return
    account = place.target.account
    if not ACCOUNT.match(account):
        raise Rejected("this cannot be the name of an account", vendor="linux")

    async def password() -> bytes:
        return signing.get_secret_value()

    anew = place.like(password=password)
    try:
        line = account.encode() + b":" + value.get_secret_value() + b"\n"
        outcome = await anew.write(Command.of("chpasswd", root=True, stdin=line))
    finally:
        await anew.aclose()
    if outcome.code != 0:
        raise Rejected(f"{place.target.name}: the password could not be set", vendor="linux", status=outcome.code)
