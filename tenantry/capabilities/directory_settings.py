"""What a directory lets everybody do: registering, consenting, inviting, ways to sign in, and how roles are given and activated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Liberties(_Fact):
    """What people and guests may do without a role."""

    registers_applications: bool | None
    """Everybody may register applications; None: not said."""
    consents: tuple[str, ...]
    """Names of the rules by which people may consent for themselves; none: they may not."""
    guests: str
    """What guests see: ``members`` (all that members see), ``limited``, ``restricted``, or empty: not known."""
    invites: str
    """Who may invite guests, by the vendor's word: ``none``, ``adminsAndGuestInviters``, ``adminsGuestInvitersAndAllMembers``, ``everyone``."""
    raw: dict[str, Any]


class ConsentRequests(_Fact):
    """Whether people may ask for what they may not consent to."""

    enabled: bool
    reviewers: int
    """To how many accounts, groups or roles the requests go."""
    raw: dict[str, Any]


class SignInMethods(_Fact):
    """Which ways to sign in are on."""

    migration: str
    """The vendor's word for whether older settings count beside these: ``migrationComplete``: they do not."""
    states: Mapping[str, bool]
    """Way by the vendor's name (``Sms``, ``Voice``, ``Email``, ``MicrosoftAuthenticator`` …) → whether it is on."""
    shows: tuple[str, ...]
    """What the authenticator shows to everybody beside a request: ``app``, ``location``."""
    raw: dict[str, Any]


class CredentialRule(_Fact):
    """What is demanded of one kind of credential that applications are given."""

    holder: Literal["registration", "principal"]
    """As :class:`tenantry.capabilities.ApplicationCredential` has it."""
    kind: Literal["password", "key", "certificate"]
    """A password, a symmetric key, or an asymmetric one."""
    blocked: bool
    """None may be added."""
    longest: timedelta | None
    """For how long one may be valid; None: for any time."""
    since: datetime | None
    """Applications that were made earlier are exempt; None: none is."""
    exempt: bool
    """Whoever adds it may be somebody to whom it does not apply."""
    raw: dict[str, Any]


class CredentialRules(_Fact):
    """What is demanded of credentials of all applications for which nothing else was said."""

    enabled: bool
    rules: tuple[CredentialRule, ...]
    """Those that are evaluated."""
    raw: dict[str, Any]


class Sharing(_Fact):
    """With whom files and sites may be shared."""

    reach: str
    """By the vendor's word: ``disabled``, ``existingExternalUserSharingOnly``, ``externalUserSharingOnly``, ``externalUserAndGuestSharing``; empty: not
    said."""
    restriction: str
    """``none``, ``allowList``, ``blockList``; empty: not said."""
    domains: tuple[str, ...]
    """That are allowed, where the restriction says that some are."""
    raw: dict[str, Any]


class RoleRules(_Fact):
    """How a role is given and activated."""

    role_id: str
    """The vendor's template id."""
    approval: bool | None
    """Activating it takes somebody's approval; None: not said."""
    approvers: int
    told: Mapping[str, int]
    """``assigned``, ``made_eligible``, ``activated`` → to how many addresses a mail goes beside the vendor's default ones."""
    raw: dict[str, Any]


@runtime_checkable
class DirectorySettings(Protocol):
    """Provider contract. Reads only."""

    async def liberties(self) -> Liberties: ...

    async def consent_requests(self) -> ConsentRequests: ...

    async def sign_in_methods(self) -> SignInMethods: ...

    async def credential_rules(self) -> CredentialRules: ...

    async def sharing(self) -> Sharing: ...

    def role_rules(self) -> AsyncIterator[RoleRules]:
        """Of each directory role.

        Raises:
            PermissionMissing: also where the tenant has no licence for it.
        """
        ...
