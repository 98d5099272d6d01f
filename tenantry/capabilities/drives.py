"""People's own file stores (OneDrive): what lies at the top, who may open it, and what of all that lies there is shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

DriveRole = Literal["read", "write"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DriveItem(_Fact):
    """A file or folder at the top of somebody's drive. ``raw`` is the vendor's own object."""

    id: str
    drive: str
    name: str
    raw: dict[str, Any]


class DriveGrant(_Fact):
    """What one account may do with one item, and was given on that item itself."""

    id: str
    roles: tuple[str, ...]
    """The vendor's words, in order: ``read``, ``write``, ``owner``."""
    raw: dict[str, Any]


class DriveShare(_Fact):
    """One way in which somebody else may open something of a drive, given on that very file or folder. What is inherited from a folder above is that folder's."""

    item: DriveItem
    path: str
    """Names from the top on, with slashes between."""
    grant: DriveGrant
    to: tuple[str, ...]
    """Who it was given to, as the vendor names them; empty: whoever has the link."""
    link: str
    """How far a link reaches: ``anonymous``, ``organization``, ``users``; empty: it is no link. Never the link itself, which opens the file."""


@runtime_checkable
class Drives(Protocol):
    """Provider contract. ``user`` is an object id or a user principal name."""

    async def items(self, user: str) -> Sequence[DriveItem]:
        """What lies at the top of the account's drive. Raises TargetNotFound: it has none."""
        ...

    async def grant(self, item: DriveItem, account_id: str) -> DriveGrant | None:
        """What the account was given on this item; None: nothing. What it has through links, groups and the folder above is left out."""
        ...

    async def share(self, item: DriveItem, account_id: str, role: DriveRole) -> None:
        """Let the account open it, and everything in it. Nobody is mailed. Who else may open it stays as it is."""
        ...

    async def shares(self, user: str) -> Sequence[DriveShare]:
        """What others may open of the account's drive, in all its folders; what the owner has is none. Raises TargetNotFound: it has no drive."""
        ...

    async def unshare(self, item: DriveItem, grant: DriveGrant) -> None:
        """Absent counts as taken back."""
        ...
