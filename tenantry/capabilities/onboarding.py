"""What a task may know and set of a client that is taken on: their file, the credentials that it names, who proves what.

The installation provides it, not a vendor. No value of a secret passes here: names, ids, digests and what a sign-in showed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

__all__ = ["Colleague", "Connection", "Excess", "NamedCredential", "Onboarding", "ProviderAccess", "VerifiedContact"]

State = Literal["works", "lacking", "refused", "unreachable", "untried"]
"""``lacking``: a credential is not there. ``refused``: it is, and a service that answered does not accept it. ``unreachable``: nothing can be
said. ``untried``: it shows in use alone (a webhook)."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedCredential(_Fact):
    """A credential that the client's file names.

    Attributes:
        name: the provider's and the secret's, ``hosts/key``.
        stored_as: its name in the vault.
        version: the newest there; None: nothing is stored.
        handed_over: what is stored came from somebody else and was not replaced since, so copies of it live elsewhere.
        rotatable: an integration can replace it; else a person does.
        collect, rotate, kind, title, contact: as the file says (`tenantry.serving.HandedOver`).
    """

    name: str
    stored_as: str
    version: int | None
    handed_over: bool
    rotatable: bool
    collect: bool
    rotate: bool
    kind: Literal["password", "text", "file"]
    title: str
    contact: str


class Excess(_Fact):
    """A right that no runbook needs as it is. ``instead``: what of it is needed; empty: nothing."""

    name: str
    instead: tuple[str, ...]


class ProviderAccess(_Fact):
    """How we stand at one of the client's systems, by use.

    Attributes:
        granted: how many rights it grants; None: the vendor does not say.
        missing: rights that runbooks need and that are not granted; None: not known.
        excess: rights beyond what any runbook needs.
        problems: one sentence each.
        away: of several systems behind one provider (hosts), which do not let us in while others do, in a sentence, which is the first
            of the problems too; empty: there are none such. The state is then ``unreachable``: a credential that one of them takes is not refused.
    """

    provider: str
    vendor: str
    state: State
    credentials: tuple[NamedCredential, ...]
    away: str = ""
    granted: int | None = None
    missing: tuple[str, ...] | None = None
    excess: tuple[Excess, ...] = ()
    problems: tuple[str, ...] = ()


class Connection(_Fact):
    """A cloud that the client's administrator connects. ``provider``: its name in the client's file; None: it is not there yet."""

    cloud: Literal["m365", "aws"]
    provider: str | None


class VerifiedContact(_Fact):
    """A contact who was given a code. ``verified_at``: when they last proved themselves with it; None: not since."""

    contact: str
    enrolled_at: datetime
    verified_at: datetime | None


class Colleague(_Fact):
    """Somebody of the MSP. ``here``: this client is in their scope."""

    id: str
    roles: tuple[str, ...]
    enabled: bool
    enrolled: bool
    here: bool


@runtime_checkable
class Onboarding(Protocol):
    """Raises `TenantryError` where a file is wrong or the vault is away; a client's system that does not answer is a state."""

    async def providers(self) -> tuple[str, ...]:
        """The client's own systems, as the file names them now."""
        ...

    async def credentials(self, provider: str) -> tuple[NamedCredential, ...]: ...

    async def access(self, provider: str) -> ProviderAccess:
        """Sign in, and compare what is granted with what runbooks need."""
        ...

    async def connections(self) -> tuple[Connection, ...]:
        """Those that the file names. Nothing is tried: :meth:`access` is."""
        ...

    async def contacts(self) -> tuple[VerifiedContact, ...]: ...

    async def colleagues(self) -> Mapping[str, Colleague]: ...

    async def file_digest(self) -> str:
        """SHA-256 of the client's file as it is now, in hexadecimal."""
        ...

    async def recorded_agreement(self) -> Mapping[str, Any] | None:
        """What was recorded last of an agreement with this client; None: nothing."""
        ...

    async def record_agreement(self, facts: Mapping[str, Any]) -> None:
        """Record it in the client's tree. ``facts`` has ``digest``."""
        ...

    async def field(self, section: str, key: str) -> Any:
        """A field of the client's file, as JSON. Raises InvalidInput for one that runs do not set."""
        ...

    async def set_field(self, section: str, key: str, value: Any) -> None:
        """Set it in the file's text. Raises InvalidTenant with what to write where that cannot be done."""
        ...
