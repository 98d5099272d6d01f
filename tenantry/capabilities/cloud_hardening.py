"""How one cloud account is set up against mishaps: rules for passwords, ciphering, databases, keys, networks. Only reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    """As read from the vendor."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PasswordRules(_Fact):
    """What the account asks of its users' passwords."""

    account: str
    set_: bool
    """False: the account has no rules of its own, and the vendor's least hold."""
    shortest: int | None
    """Characters; None: not said."""
    remembered: int | None
    """How many earlier passwords may not be used again; None: they all may."""


class RegionDefaults(_Fact):
    """What holds in a region for whatever is made there next."""

    region: str
    disks_enciphered: bool


class ManagedDatabase(_Fact):
    """A database that the vendor runs."""

    id: str
    """Its resource name."""
    region: str
    name: str
    enciphered: bool | None
    public: bool | None
    """It has an address that the world can reach; None in these four: the vendor does not say."""
    kept_days: int | None
    """For how many days it can be had back at any moment; 0: not at all."""
    updates_itself: bool | None
    """Small new versions are installed by themselves."""
    deletion_guarded: bool | None
    """It cannot be deleted before somebody takes the guard away."""


class RotatedKey(_Fact):
    """An encryption key of the client's own that the vendor could replace by itself."""

    id: str
    region: str
    rotates: bool


class CloudNetwork(_Fact):
    """A virtual network."""

    id: str
    region: str
    logged: bool
    """A flow log over all of it is on."""
    default_rules: int | None
    """Rules of the security group that is used where none is named, both ways; None: it has no such group."""


@runtime_checkable
class CloudHardening(Protocol):
    """Provider contract. What regions have is read in those of the tenant's file."""

    async def password_rules(self) -> PasswordRules: ...

    def defaults(self) -> AsyncIterator[RegionDefaults]: ...

    def databases(self) -> AsyncIterator[ManagedDatabase]: ...

    def rotated_keys(self) -> AsyncIterator[RotatedKey]:
        """Without keys that are off, the vendor's own, and kinds that cannot be replaced by themselves."""
        ...

    def networks(self) -> AsyncIterator[CloudNetwork]: ...
