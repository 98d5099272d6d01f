"""What a task may know and do of a client that leaves: what was agreed, what is held for them where, the hand-over, our own access.

The installation provides it, not a vendor. No value of a secret passes here. Nothing is handed over or deleted here either: a run may not read all of a client's
secrets (`tenantry.broker`), and it lives in the client's own record, under the client's own key. Both are done beside it, by command
(`flows.handing_over`, `flows.closing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

__all__ = ["Delivered", "Holding", "KeptByLaw", "Offboarding", "OwnAccess", "StandingHold", "Terms", "Tried"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeptByLaw(_Fact):
    """What is not deleted, by which law, until when."""

    what: str
    where: str
    law: str
    until: date


class Terms(_Fact):
    """What the client's file says of the end.

    Attributes:
        choice: what becomes of everything that is held; None: not agreed.
        contact: id of the contact who decides; empty: the file has none.
        enrolled: that contact has a code of their own.
        place: where the hand-over goes, as people read it; empty: nowhere.
        recipients: the client's age keys.
        by_hand: what no provider is asked about.
    """

    client: str
    choice: Literal["delete", "return", "return_then_delete"] | None
    ends_on: date | None
    retention_days: int | None
    contact: str
    contact_name: str
    enrolled: bool
    place: str
    recipients: tuple[str, ...]
    retained: tuple[KeptByLaw, ...]
    by_hand: tuple[str, ...]


class StandingHold(_Fact):
    """A legal hold that stands."""

    id: str
    matter: str
    scope: str
    since: str
    by: str


class Holding(_Fact):
    """What is held for the client in one place.

    Attributes:
        state: ``held``; ``nothing``: it was looked at; ``unknown``: it could not be, which is never nothing.
        count: of what ``unit`` says; None where the state is not ``held``.
        ours: it is deleted at the end. Otherwise it is the client's own system, in which we have access.
    """

    id: str
    what: str
    where: str
    state: Literal["held", "nothing", "unknown"]
    count: int | None = None
    unit: str = ""
    ours: bool = True
    why: str = ""


class OwnAccess(_Fact):
    """One way in that we have at the client.

    Attributes:
        provider: its name in the client's file, or in estate.yaml.
        by_itself: we can end it ourselves; otherwise a person of the client does.
        remains: what stays there after we ended it ourselves, and a person removes.
        what: what stands there for us, one line each: an application, a role, a key.
    """

    provider: str
    vendor: str
    by_itself: bool
    what: tuple[str, ...] = ()
    remains: tuple[str, ...] = ()


class Tried(_Fact):
    """A way in, tried afresh.

    Attributes:
        state: ``works``; ``refused``: by a service that answered, everywhere; ``untried``: it shows in use alone (a webhook);
            ``ended``: a service cannot try it, and the vendor's own list says that it is over; ``unknown``: none of these is known.
        alive: names of those that work still.
    """

    provider: str
    state: Literal["works", "refused", "ended", "untried", "unknown"]
    alive: tuple[str, ...] = ()
    why: str = ""


class Delivered(_Fact):
    """A package at the client's place, every byte read back.

    Attributes:
        manifest_sha256: of ``tagmanifest-sha256.txt``, which binds all of it: what the client accepts.
        credentials: how many are sealed in it.
        left_out: names of what is not in it, and why.
    """

    place: str
    files: int
    size: int
    manifest_sha256: str
    credentials: int
    left_out: tuple[str, ...] = ()


@runtime_checkable
class Offboarding(Protocol):
    """Raises `TenantryError` where a file is wrong or the vault is away; what could not be looked at is a state."""

    async def terms(self) -> Terms: ...

    async def holds(self) -> Sequence[StandingHold]: ...

    async def holdings(self) -> Sequence[Holding]:
        """Every place of the installation, and every system that we reach, each looked at."""
        ...

    async def delivered(self, run_id: str) -> Delivered | None:
        """The newest package of this run that lies at the client's place, as the record has it; None: there is none."""
        ...

    async def accesses(self) -> Sequence[OwnAccess]: ...

    async def leave(self, provider: str) -> None:
        """End our access to one system ourselves. Only where :attr:`OwnAccess.by_itself` says that it can."""
        ...

    async def tried(self, provider: str) -> Tried:
        """Try everything that the provider signs in with, afresh."""
        ...
