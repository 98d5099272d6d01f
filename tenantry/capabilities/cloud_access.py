"""Who can get into one cloud account, and who says so: read whole, as few requests as the vendor allows, for the sweep.

Not ``cloud_identity``, through which a run looks at one principal and acts on it. Here nothing is written, and nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    """As read from the vendor."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HeldKey(_Fact):
    """A long-lived key of a user."""

    id: str
    active: bool
    created_at: datetime
    last_used_at: datetime | None
    """None: never, or not known. Up to four hours behind."""


class Rights(_Fact):
    """What a principal holds, as far as it matters here."""

    administrator: bool
    """Every action on every resource, or all of the account's identities, by itself or through a group."""
    inline_administrator: bool
    """So by a policy that hangs on the principal alone and that no list of policies shows."""
    through: tuple[str, ...]
    """Names of those policies; those of groups as ``group/NAME: POLICY``."""


class CloudUser(_Fact):
    """A user with a name and long-lived credentials."""

    ref: str
    """``user/NAME``."""
    arn: str
    created_at: datetime
    rights: Rights
    keys: tuple[HeldKey, ...]
    password: bool | None
    """Can sign in at the console; None: not known."""
    password_changed_at: datetime | None
    password_used_at: datetime | None
    mfa: bool | None
    """Has a second factor; None: not known."""
    known_at: datetime
    """Of when what is said about passwords and second factors is: up to four hours ago."""


class RootUser(_Fact):
    """The account's owner, whom no policy binds."""

    account: str
    keys: bool
    mfa: bool | None
    """None: not known; where an organisation keeps its accounts' root users without credentials there is nothing to protect."""
    password_used_at: datetime | None
    key_used_at: datetime | None


class CloudRole(_Fact):
    ref: str
    """``role/NAME``."""
    arn: str
    account: str
    """That the role is of."""
    owner: str
    """The account that manages the organisation which this one is in, and may enter it as of right; empty: there is none, or it was
    not said."""
    organization: str
    """Id of that organisation; empty likewise."""
    created_at: datetime
    last_used_at: datetime | None
    """Of the last 400 days; None: not used in them."""
    service: bool
    """Made and kept by the vendor's own services."""
    ours: bool
    """The one that this platform works as."""
    rights: Rights
    trust: dict[str, Any]
    """Who may assume it, as a policy document."""


class IdentityProvider(_Fact):
    """Somebody outside who says who people or programs are."""

    id: str
    """Its resource name."""
    kind: Literal["saml", "oidc"]
    name: str
    """Of a SAML provider; the address of an OIDC issuer, without ``https://``."""
    created_at: datetime | None
    expires_at: datetime | None
    """When the certificates of a SAML provider's description end."""
    audiences: tuple[str, ...]
    service: bool
    """Made and kept by the vendor's own sign-in service."""


class TrustAnchor(_Fact):
    """A certificate authority whose certificates sign in."""

    id: str
    region: str
    name: str
    enabled: bool
    kind: Literal["own", "uploaded"]
    """``own``: the vendor's certificate authority service; ``uploaded``: whoever holds the key of a certificate that was brought along."""
    created_at: datetime | None
    changed_at: datetime | None


@runtime_checkable
class CloudAccess(Protocol):
    """Provider contract."""

    async def root(self) -> RootUser: ...

    def users(self) -> AsyncIterator[CloudUser]:
        """Every user, streamed."""
        ...

    def roles(self) -> AsyncIterator[CloudRole]:
        """Every role, the vendor's own among them, streamed."""
        ...

    def identity_providers(self) -> AsyncIterator[IdentityProvider]: ...

    def trust_anchors(self) -> AsyncIterator[TrustAnchor]:
        """In each configured region."""
        ...
