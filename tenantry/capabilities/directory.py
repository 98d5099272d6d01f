"""One tenant's directory as a whole: roles, policies, domains, relations. Read only, in as few requests as the vendor allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities.identity import AuthMethod, Device


class _Fact(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RoleHolding(_Fact):
    """Somebody or something holds a directory role, or may activate it."""

    id: str
    principal_id: str
    principal: str
    """User principal name, or display name."""
    kind: Literal["user", "guest", "application", "group", "unknown"]
    first_party: bool
    """An application of the vendor's own."""
    app_id: str
    """Client id of an application; empty for others."""
    role: str
    role_id: str
    privileged: bool
    scope: str
    """``/``: the whole tenant."""
    how: Literal["assigned", "activated", "eligible"]
    """Given for good or for a time; activated by somebody who was eligible; eligible only."""
    began_at: datetime | None
    """When it was given; None: the vendor does not say."""
    dated: bool
    """Whether the vendor says when roles are given at all (not without Privileged Identity Management)."""
    raw: dict[str, Any]


class AccessPolicy(_Fact):
    """A rule that decides about sign-ins (Conditional Access)."""

    id: str
    name: str
    enforced: bool
    reporting: bool
    """It is evaluated and reported, not enforced."""
    demands: bool
    """It demands a second factor or a managed device, or blocks."""
    everybody: bool
    """It is about all users."""
    excluded: tuple[str, ...]
    """Object ids of accounts that it leaves out."""
    created_at: datetime | None
    changed_at: datetime | None
    raw: dict[str, Any]


class NamedLocation(_Fact):
    """A place that rules about sign-ins name."""

    id: str
    name: str
    trusted: bool
    networks: tuple[str, ...]
    """CIDR."""
    created_at: datetime | None
    changed_at: datetime | None
    raw: dict[str, Any]


class DirectoryDomain(_Fact):
    """A domain of the tenant."""

    name: str
    verified: bool
    federated: bool
    issuer: str
    """What the other provider calls itself; empty for a managed domain."""
    sign_in_host: str
    """Where people of the domain sign in."""
    certificate_since: datetime | None
    """When the certificate began that its tokens are signed with."""
    raw: dict[str, Any]


class AdministrativeUnit(_Fact):
    """A part of the directory with administrators of its own."""

    id: str
    name: str
    hidden: bool
    """Who is in it is not shown to others."""
    restricted: bool
    """The tenant's other administrators cannot change who is in it."""
    raw: dict[str, Any]


class PartnerRelation(_Fact):
    """Another company's tenant that this one lets in."""

    tenant_id: str
    name: str
    kind: Literal["administers", "service_provider", "trusted"]
    """Administers by a delegated relationship; is known as a service provider; its second factors or devices are trusted."""
    active: bool
    since: datetime | None
    roles: tuple[str, ...] = ()
    """Template ids of the roles that a delegated relationship gives, sorted; empty: it gives none, or does not say."""
    raw: dict[str, Any]


class Registration(_Fact):
    """What an account has registered to prove itself."""

    account_id: str
    upn: str
    administrator: bool
    second_factor: bool
    methods: tuple[str, ...]
    raw: dict[str, Any]


class RiskDetection(_Fact):
    """Something that the vendor's own detection saw."""

    id: str
    account_id: str
    upn: str
    event: str
    level: str
    """``low``, ``medium``, ``high``; ``hidden`` without the licence."""
    state: str
    """``atRisk``, ``confirmedCompromised``, ``remediated``, ``dismissed``, ``confirmedSafe``."""
    at: datetime | None
    """When it happened."""
    detected_at: datetime | None
    """When the vendor saw it, which may be days later."""
    ip: str
    country: str
    raw: dict[str, Any]


class Guest(_Fact):
    """An account that came from elsewhere."""

    id: str
    upn: str
    member: bool
    """It counts as one of the tenant's own."""
    invited_at: datetime | None
    accepted: bool
    raw: dict[str, Any]


class AccountUse(_Fact):
    """An account, and when it was used last."""

    id: str
    upn: str
    enabled: bool
    guest: bool
    created_at: datetime | None
    used_at: datetime | None
    """When somebody, or a program in somebody's name, signed in last; None: the vendor knows of no time."""
    raw: dict[str, Any]


@runtime_checkable
class Directory(Protocol):
    """Provider contract. Reads only."""

    def role_holdings(self) -> AsyncIterator[RoleHolding]:
        """Every role that is held or may be activated, by people, groups and applications."""
        ...

    def policies(self) -> AsyncIterator[AccessPolicy]: ...

    def locations(self) -> AsyncIterator[NamedLocation]: ...

    def domains(self) -> AsyncIterator[DirectoryDomain]: ...

    def units(self) -> AsyncIterator[AdministrativeUnit]: ...

    def devices(self) -> AsyncIterator[Device]: ...

    def guests(self) -> AsyncIterator[Guest]:
        """Accounts that were invited, those that were made members included."""
        ...

    def account_uses(self) -> AsyncIterator[AccountUse]:
        """Every account with when it was used last.

        Raises:
            PermissionMissing: the permission, or the directory's licence, does not show it.
        """
        ...

    def partners(self) -> AsyncIterator[PartnerRelation]: ...

    def registrations(self) -> AsyncIterator[Registration]: ...

    def risks(self, since: datetime) -> AsyncIterator[RiskDetection]:
        """What was detected since then."""
        ...

    async def methods_of(self, accounts: Sequence[str]) -> Sequence[Sequence[AuthMethod]]:
        """Methods of authentication of each account, by object id; empty for one that is gone."""
        ...
