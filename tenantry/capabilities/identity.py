"""Accounts, sessions, roles, authentication methods, consents, devices and sign-ins of one tenant's directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, SecretStr


class _Fact(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Account(_Fact):
    id: str
    upn: str
    display_name: str
    enabled: bool
    synced: bool
    """Mastered on premises (``onPremisesSyncEnabled``): the next directory sync overwrites cloud-only writes."""
    sessions_valid_from: datetime | None
    last_password_change: datetime | None
    raw: dict[str, Any]


class RoleAssignment(_Fact):
    id: str
    account_id: str
    role: str
    """Display name of the role definition, e.g. ``Global Administrator``."""
    role_id: str
    privileged: bool


class AuthMethod(_Fact):
    id: str
    kind: str
    """The vendor's collection, e.g. ``microsoftAuthenticatorMethods``, ``phoneMethods``; ``passwordMethods`` cannot be
    removed."""
    label: str
    created_at: datetime | None
    raw: dict[str, Any]


class Consent(_Fact):
    id: str
    kind: str
    """``delegated`` (oauth2PermissionGrant) or ``application`` (appRoleAssignment)."""
    account_id: str | None
    """None: granted for everybody in the tenant."""
    app_id: str
    app_name: str
    app_verified: bool
    resource_id: str
    scope: str
    created_at: datetime | None
    raw: dict[str, Any]


class Device(_Fact):
    id: str
    name: str
    enabled: bool
    operating_system: str
    registered_at: datetime | None
    raw: dict[str, Any]


class SignIn(_Fact):
    id: str
    at: datetime
    user_id: str
    upn: str
    ip: str
    country: str
    city: str
    app: str
    client: str
    user_agent: str
    success: bool
    error_code: int
    interactive: bool
    latitude: float | None = None
    """Degrees, as the vendor located the address; None where it did not."""
    longitude: float | None = None
    raw: dict[str, Any]


class DirectoryEvent(_Fact):
    """One entry of the directory's own audit log (Entra ``directoryAudits``)."""

    id: str
    at: datetime
    activity: str
    actor_upn: str
    actor_ip: str
    target_ids: tuple[str, ...]
    raw: dict[str, Any]


@runtime_checkable
class Identity(Protocol):
    """Provider contract. ``user`` is an object id or a user principal name."""

    async def account(self, user: str) -> Account:
        """Raises TargetNotFound."""
        ...

    def accounts(self) -> AsyncIterator[Account]:
        """Every account, streamed."""
        ...

    async def set_enabled(self, user: str, enabled: bool) -> None: ...

    async def directory_anchor(self, user: str) -> str | None:
        """What ties the account to one in Active Directory (Entra's ``onPremisesImmutableId``), which stays when it is synced no more; None: nothing."""
        ...

    async def set_directory_anchor(self, user: str, anchor: str | None) -> None:
        """The vendor refuses it (Rejected) while the account is synced."""
        ...

    async def delete_account(self, user_id: str) -> None:
        """With its mailbox, files and devices' registrations; the vendor keeps it for some days, in which it can be restored. Absent counts as deleted."""
        ...

    async def restore_account(self, user_id: str) -> None:
        """One that was deleted, with licences and memberships as far as the vendor kept them. Raises TargetNotFound: it is gone for good."""
        ...

    async def revoke_sessions(self, user: str) -> None:
        """Refresh tokens and session cookies end; access tokens already issued live on until they expire."""
        ...

    async def reset_password(self, user: str, password: SecretStr, *, change_at_next_sign_in: bool) -> None: ...

    async def roles(self, user: str) -> Sequence[RoleAssignment]: ...

    async def role_holders(self, role: str) -> Sequence[Account]:
        """Accounts that hold the named role, e.g. ``Global Administrator``."""
        ...

    async def methods(self, user: str) -> Sequence[AuthMethod]: ...

    async def remove_method(self, user: str, kind: str, method_id: str) -> None:
        """Absent counts as removed."""
        ...

    async def consents(self, user: str) -> Sequence[Consent]:
        """Delegated grants and app role assignments that this account gave or holds, not those of the whole tenant."""
        ...

    async def remove_consent(self, consent: Consent) -> None:
        """Absent counts as removed."""
        ...

    async def add_consent(self, consent: Consent) -> None:
        """Grants the same again; the vendor gives it a new id."""
        ...

    async def devices(self, user: str) -> Sequence[Device]: ...

    async def device(self, device_id: str) -> Device:
        """Raises TargetNotFound."""
        ...

    async def set_device_enabled(self, device_id: str, enabled: bool) -> None: ...

    def sign_ins(self, user: str | None, since: datetime, until: datetime) -> AsyncIterator[SignIn]:
        """Newest first; ``user`` None: everybody. The vendor may hold events back for minutes."""
        ...

    def sign_ins_from(self, ip: str, since: datetime, until: datetime) -> AsyncIterator[SignIn]:
        """Everybody's sign-ins from one address: who else did the attacker reach?"""
        ...

    def directory_events(self, user: str, since: datetime, until: datetime) -> AsyncIterator[DirectoryEvent]:
        """Events initiated by or targeting the account."""
        ...
