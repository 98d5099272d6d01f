"""``credentials`` on Microsoft 365: the password of a directory account that the MSP keeps for a client, such as the one for emergencies.

Sources (learn.microsoft.com):
    /graph/api/user-update                                  passwordProfile; User-PasswordProfile.ReadWrite.All, and for an account with
                                                            a role the application needs one that may reset it
    /entra/identity-platform/v2-oauth-ropc                  the proof: a sign-in with the password
    /entra/identity-platform/reference-error-codes          what a refusal says of the password

A password has no beside: it is stored before it is set. The sign-in proves the password alone: that a second factor is then asked for, or
that conditional access forbids this way of signing in, comes after it was found right.

Known limits: a synced account is mastered on premises and left to a person, a locked one (AADSTS50053) says nothing and stops the run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pydantic import SecretBytes, SecretStr

from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.identity import Microsoft365Identity
from tenantry.capabilities.credentials import LiveCredential, MadeCredential
from tenantry.errors import Rejected, SignInFailed
from tenantry.passwords import new_password

__all__ = ["AccountPassword"]

_WRONG: Final = frozenset({"AADSTS50126"})
_RIGHT: Final = frozenset(
    {
        "AADSTS50055",  # right, and expired
        "AADSTS50057",  # right, and the account is disabled
        "AADSTS50072",  # a second factor has to be registered
        "AADSTS50074",
        "AADSTS50076",  # a second factor is asked for
        "AADSTS50079",
        "AADSTS50158",  # another factor, outside
        "AADSTS53000",  # conditional access: the device
        "AADSTS53001",
        "AADSTS53003",  # conditional access
        "AADSTS65001",  # no consent to sign anybody in
    }
)
"""Refusals that come after the password was found right."""

SignIn = Callable[[str, SecretBytes], Awaitable[None]]
"""Account and password: sign in, keeping nothing. Raises SignInFailed."""


class AccountPassword:
    """Implements :class:`~tenantry.capabilities.credentials.CredentialService`.

    Args:
        secret: its name in the provider's ``secrets`` and ``accounts``.
        account: user principal name or object id.
    """

    kind = "password"
    in_place = True
    labels = False
    listed = True

    def __init__(
        self, graph: Graph, identity: Microsoft365Identity, secret: str, account: str, sign_in: SignIn
    ) -> None:
        self._graph = graph
        self._identity = identity
        self._account = account
        self._sign_in = sign_in
        self.secret = secret

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
        """Set it, unless the account has it already.

        Raises:
            Rejected: the account is synced from on premises.
        """
        if value is None:
            raise Rejected("a password is made here, not by the directory", vendor="microsoft365")
        row = await self._graph.get(
            f"/users/{segment(self._account)}",
            params={"$select": "id,onPremisesSyncEnabled"},
            needs="User.Read.All",
        )
        if row.get("onPremisesSyncEnabled") is True:
            raise Rejected(
                "the account is mastered on premises, where its password has to be changed",
                remedy="Change it there, and have a person replace it with the runbook credential_handover.",
                vendor="microsoft365",
            )
        if not await self.works(value):
            password = SecretStr(value.get_secret_value().decode())
            await self._identity.reset_password(str(row["id"]), password, change_at_next_sign_in=False)
        return MadeCredential(id="password", value=value)

    async def suspend(self, id: str, signing: SecretBytes) -> bool:  # noqa: ARG002  # there is no such thing
        """The old one went when the new one came."""
        return False

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """As above."""

    async def works(self, value: SecretBytes) -> bool:
        """Signs in with it, or is refused for what comes after the password."""
        try:
            await self._sign_in(self._account, value)
        except SignInFailed as error:
            said = str(error.detail.get("aadsts"))
            if said in _WRONG:
                return False
            if said not in _RIGHT:
                raise
        return True

    async def dead(self, value: SecretBytes) -> bool:
        """The directory says that it is wrong: there is one place alone."""
        return not await self.works(value)
