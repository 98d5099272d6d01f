"""Principals of one cloud account: users, roles and groups, their keys, passwords, second factors, policies and sessions.

Not ``identity``: that is the directory's (people, mailboxes, consents), and a tenant may have Microsoft 365 and AWS at once, each
with accounts of its own. A task that means the cloud account's principals needs ``cloud_identity``.

A principal is named by the vendor's id, its full resource name (ARN), or ``user/NAME``, ``role/NAME``, ``group/NAME``. A resource name
of another account is refused with OutOfScope.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, SecretStr

PrincipalKind = Literal["user", "role", "group", "root"]


class _Fact(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Principal(_Fact):
    id: str
    """The vendor's unique id (AIDA…, AROA…, AGPA…): another principal of the same name has another."""
    ref: str
    """``user/NAME``, ``role/NAME``, ``group/NAME`` or ``root``: what the methods take and what people read."""
    arn: str
    kind: PrincipalKind
    name: str
    created_at: datetime
    service: bool
    """Made and kept by the vendor's own services (path ``/aws-service-role/``): cannot be changed, and need not be."""
    raw: dict[str, Any]


class CloudCaller(_Fact):
    """Who we are to the vendor."""

    account: str
    arn: str
    ref: str
    """The principal behind our session, as in :class:`Principal`."""
    regions: tuple[str, ...] = ()
    """Where machines and the like are looked for: what lies elsewhere is not seen. Empty: the vendor has no regions."""


class CloudKey(_Fact):
    """A long-lived access key. Its secret half cannot be read."""

    id: str
    owner: str
    """``user/NAME``."""
    active: bool
    created_at: datetime
    last_used_at: datetime | None
    """None: never, or not since the vendor keeps this. Lags by minutes to hours."""
    last_used_service: str
    last_used_region: str
    raw: dict[str, Any]


class NewCloudKey(_Fact):
    """The only moment at which the secret half can be had."""

    id: str
    secret: SecretStr


class CloudLogin(_Fact):
    """A password for the vendor's console."""

    owner: str
    created_at: datetime
    change_at_next_sign_in: bool
    raw: dict[str, Any]


class MfaDevice(_Fact):
    id: str
    """Serial number or resource name."""
    owner: str
    enabled_at: datetime
    raw: dict[str, Any]


class CloudPolicy(_Fact):
    """A policy of one principal."""

    id: str
    """Inline: its name. Attached: its resource name."""
    kind: Literal["inline", "attached"]
    name: str
    document: dict[str, Any] | None
    """None where the vendor's own (AWS managed) policy was not read: its name says what it is."""
    administrator: bool
    """Allows every action on every resource."""


@runtime_checkable
class CloudIdentity(Protocol):
    """Provider contract."""

    async def caller(self) -> CloudCaller:
        """Who we are here: never to be cut off by our own run."""
        ...

    def principals(self, kind: PrincipalKind | None = None) -> AsyncIterator[Principal]:
        """Users, roles and groups (or one kind of them), streamed. The root user is never listed."""
        ...

    async def principal(self, principal: str) -> Principal:
        """Raises TargetNotFound, OutOfScope."""
        ...

    async def administrators(self) -> Sequence[Principal]:
        """Users and roles that hold an administrator policy themselves or through a group, and that somebody can use: a user
        with an active key or a password, a role that is not the vendor's own."""
        ...

    # --- keys ---------------------------------------------------------------------------------------------------------

    async def keys(self, principal: str) -> Sequence[CloudKey]: ...

    async def key(self, key_id: str) -> CloudKey:
        """A key of this account by its id, whoever owns it. Raises TargetNotFound."""
        ...

    async def set_key_active(self, key_id: str, active: bool) -> None:
        """Inactive keys sign nothing any more. Sessions that were begun with the key live on: :meth:`cut_sessions`."""
        ...

    async def create_key(self, principal: str) -> NewCloudKey:
        """Raises Rejected when the user has as many as it may have."""
        ...

    async def remove_key(self, key_id: str) -> None:
        """Absent counts as removed. A key that an attacker used is evidence: deactivate it."""
        ...

    # --- passwords and second factors ---------------------------------------------------------------------------------

    async def login(self, principal: str) -> CloudLogin | None:
        """None: it has no password."""
        ...

    async def remove_login(self, principal: str) -> None:
        """Absent counts as removed. Console sessions live on until they expire: :meth:`cut_sessions`."""
        ...

    async def set_login(self, principal: str, password: SecretStr, *, change_at_next_sign_in: bool) -> None:
        """Give a password, or another one."""
        ...

    async def mfa_devices(self, principal: str) -> Sequence[MfaDevice]: ...

    async def deactivate_mfa(self, principal: str, device: str) -> None:
        """Absent counts as deactivated."""
        ...

    # --- policies -----------------------------------------------------------------------------------------------------

    async def policies(self, principal: str) -> Sequence[CloudPolicy]:
        """Inline policies with their documents, and attached ones; not those of its groups."""
        ...

    async def put_policy(self, principal: str, name: str, document: Mapping[str, Any]) -> None:
        """Set an inline policy; one of the same name is replaced."""
        ...

    async def remove_policy(self, principal: str, name: str) -> None:
        """Remove an inline policy. Absent counts as removed."""
        ...

    async def attach_policy(self, principal: str, policy: str) -> None: ...

    async def detach_policy(self, principal: str, policy: str) -> None:
        """Absent counts as detached."""
        ...

    async def groups(self, user: str) -> Sequence[str]:
        """``group/NAME`` of each group that the user is in."""
        ...

    async def denied(self, principal: str) -> bool:
        """Whether :meth:`set_denied` holds."""
        ...

    async def set_denied(self, principal: str, denied: bool) -> None:
        """Deny every action to the principal, whatever else allows it, or take that back. Also binds sessions under way."""
        ...

    # --- sessions and trust -------------------------------------------------------------------------------------------

    async def sessions_cut(self, principal: str) -> datetime | None:
        """Sessions begun before this moment are refused; None: none are."""
        ...

    async def cut_sessions(self, principal: str, before: datetime) -> None:
        """Refuse every session of a user or role that was begun before that moment. Keeps a later moment that is set already."""
        ...

    async def allow_sessions(self, principal: str) -> None:
        """Take :meth:`cut_sessions` back."""
        ...

    async def trust(self, role: str) -> dict[str, Any]:
        """Who may assume the role, as a policy document."""
        ...

    async def set_trust(self, role: str, document: Mapping[str, Any]) -> None: ...

    # --- the principal itself -----------------------------------------------------------------------------------------

    async def remove_principal(self, principal: str) -> None:
        """Delete a user or role with all that hangs on it (keys, password, devices, policies, memberships). Absent counts as
        removed; broken off half-way, it may be called again. A principal made anew under the name is another one."""
        ...
