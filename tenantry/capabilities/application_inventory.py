"""All applications that one tenant's directory knows, at once: read only, in as few requests as the vendor allows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities.applications import Application, ApplicationCredential


class _Fact(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FederatedCredential(_Fact):
    """Tokens of another provider with which somebody signs in as an application."""

    id: str
    name: str
    issuer: str
    subject: str
    raw: dict[str, Any]


class GivenPermission(_Fact):
    """What an application may do as itself."""

    name: str
    resource: str
    since: datetime | None


class ApplicationOwner(_Fact):
    """Somebody who may change an application, and add credentials to it."""

    id: str
    name: str
    guest: bool


class InventoriedApplication(_Fact):
    """One application with all that can be used as it, or that it can do."""

    application: Application
    created_at: datetime | None
    credentials: tuple[ApplicationCredential, ...]
    federated: tuple[FederatedCredential, ...]
    permissions: tuple[GivenPermission, ...]
    owners: tuple[ApplicationOwner, ...]
    addresses: tuple[str, ...]
    """Where its sign-ins are sent."""


class InventoriedGrant(_Fact):
    """An application acts for somebody."""

    id: str
    application_id: str
    app_id: str
    application: str
    verified: bool
    first_party: bool
    own: bool
    """Registered in this very tenant."""
    account_id: str | None
    """None: for everybody."""
    scopes: tuple[str, ...]
    raw: dict[str, Any]


@runtime_checkable
class ApplicationInventory(Protocol):
    """Provider contract. Reads only."""

    def applications(self) -> AsyncIterator[InventoriedApplication]: ...

    def grants(self) -> AsyncIterator[InventoriedGrant]:
        """Every delegated grant."""
        ...
