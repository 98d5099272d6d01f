"""Applications that one tenant's directory lets in: what they may do, for whom, with which credentials, and what they did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities.identity import DirectoryEvent, SignIn


class _Fact(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Application(_Fact):
    """An application as this tenant has it (Entra: a service principal)."""

    id: str
    app_id: str
    """Its client id, the same in every tenant."""
    name: str
    enabled: bool
    verified: bool
    """Its publisher is verified by the vendor."""
    publisher: str
    own: bool
    """Registered in this very tenant."""
    first_party: bool
    """The vendor's own; without it parts of the vendor's services stop."""
    ours: bool
    """The one that this platform signs in with."""
    raw: dict[str, Any]


class ApplicationGrant(_Fact):
    """Something that lets an application act."""

    id: str
    kind: Literal["delegated", "role", "assignment"]
    """``delegated``: acts for one account, or for every one; ``role``: acts as itself; ``assignment``: an account or group is let
    into it."""
    application_id: str
    account_id: str | None
    """Who consented or is let in; None: everybody, or nobody in particular."""
    resource_id: str
    resource: str
    scope: str
    """Permissions, separated by spaces."""
    created_at: datetime | None
    raw: dict[str, Any]


class ApplicationCredential(_Fact):
    """A password or key with which somebody can sign in as an application."""

    id: str
    kind: Literal["password", "key"]
    holder: Literal["principal", "registration"]
    """Where it lies: on the application as this tenant has it, or on its registration (only of the tenant's own)."""
    holder_id: str
    application_id: str
    label: str
    begins_at: datetime | None
    ends_at: datetime | None
    raw: dict[str, Any]


class Owner(_Fact):
    """Somebody who may change an application, and add credentials to it."""

    id: str
    name: str


class ConsentPolicy(_Fact):
    users_may_consent: bool
    policies: tuple[str, ...]
    raw: dict[str, Any]


@runtime_checkable
class Applications(Protocol):
    """Provider contract. ``application`` is an object id of this tenant."""

    async def find(self, name: str) -> Sequence[Application]:
        """By object id (of its registration too), client id or exact display name (of which there may be several); empty when there is none."""
        ...

    async def application(self, application: str) -> Application:
        """Raises TargetNotFound."""
        ...

    async def set_enabled(self, application: str, enabled: bool) -> None:
        """Disabled, it gets no more tokens, neither as itself nor for anybody; those it has live on until they expire."""
        ...

    async def grants(self, application: str) -> Sequence[ApplicationGrant]: ...

    async def remove_grant(self, grant: ApplicationGrant) -> None:
        """Absent counts as removed."""
        ...

    async def add_grant(self, grant: ApplicationGrant) -> None:
        """Grants the same again; the vendor gives it a new id."""
        ...

    async def credentials(self, application: str) -> Sequence[ApplicationCredential]: ...

    async def remove_credential(self, credential: ApplicationCredential) -> None:
        """Absent counts as removed."""
        ...

    async def owners(self, application: str) -> Sequence[Owner]: ...

    def sign_ins(self, application: str, since: datetime, until: datetime) -> AsyncIterator[SignIn]:
        """Of the application as itself, newest first."""
        ...

    def events(self, application: str, since: datetime, until: datetime) -> AsyncIterator[DirectoryEvent]:
        """What it did to the directory and what was done to it, newest first, each once."""
        ...

    async def consent_policy(self) -> ConsentPolicy: ...
