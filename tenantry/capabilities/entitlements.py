"""What an account was given: groups and licences. Read and changed one at a time, so that each can be given back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Membership(_Fact):
    """A group that the account itself is a member of."""

    group_id: str
    name: str
    fixed: str | None
    """Why it cannot be changed here (a rule decides who is in it, it is mastered elsewhere); None: it can."""
    raw: dict[str, Any]


class Licence(_Fact):
    sku: str
    name: str
    """The vendor's short name, e.g. ``SPE_E3``; the id where it has none."""
    disabled_plans: tuple[str, ...]
    """Parts of it that are switched off for this account; given back with it."""
    from_groups: tuple[str, ...]
    """Ids of groups through which it comes; empty: given to the account itself."""
    raw: dict[str, Any]


@runtime_checkable
class Entitlements(Protocol):
    """Provider contract. ``user`` is an object id or a user principal name."""

    async def memberships(self, user: str) -> Sequence[Membership]: ...

    async def remove_membership(self, user_id: str, group_id: str) -> None:
        """Absent counts as removed."""
        ...

    async def add_membership(self, user_id: str, group_id: str) -> None:
        """Present counts as added."""
        ...

    async def licences(self, user: str) -> Sequence[Licence]: ...

    async def remove_licence(self, user_id: str, sku: str) -> None:
        """Of the account itself. Raises Rejected for one that comes through a group."""
        ...

    async def add_licence(self, user_id: str, sku: str, disabled_plans: Sequence[str]) -> None:
        """Raises Rejected where the tenant has none left."""
        ...
