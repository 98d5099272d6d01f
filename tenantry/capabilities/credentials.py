"""The credentials with which we sign in to a client's system: which live, whether one works, and one for another.

A credential is named by the provider in the tenant's file, ``m365``, or, where that has several, with the name in its ``secrets``
block, ``hosts/key``. There are two ways to replace one. Where a service knows several at a time, the new one lives beside the old one
until it is proven. Where it knows one alone (a password), the new value is stored before it is set, so that it is known at any moment.

Two sides. An integration that can replace its own credential offers :class:`CredentialService` as ``credentials``: it is handed values
and asks nothing of a vault. Tasks see :class:`Credentials`: names and ids, never a value; between the two stands the assembly, which
alone moves values between service and vault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, SecretBytes

__all__ = [
    "LABEL",
    "CredentialService",
    "CredentialServices",
    "CredentialState",
    "Credentials",
    "Expiring",
    "Leaving",
    "LiveCredential",
    "MadeCredential",
]

LABEL = "Tenantry rotation"
"""How the name of a credential begins that a rotation made: what bears it and is in no vault is a leftover of ours."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LiveCredential(_Fact):
    """A credential as the service lists it.

    Attributes:
        id: the service's own.
        label: the name that it was given.
        complete: it lives in every place of the service; False: on some hosts and not on others.
        used: whether anybody ever signed in with it; None where the service does not say.
    """

    id: str
    label: str = ""
    created_at: datetime | None = None
    expires_at: datetime | None = None
    complete: bool = True
    used: bool | None = None


class MadeCredential(_Fact):
    """A credential that was made just now. ``repr`` shows stars."""

    id: str
    value: SecretBytes
    expires_at: datetime | None = None


class CredentialState(_Fact):
    """How it stands with one provider's credential.

    Attributes:
        kind: ``client_secret``, ``certificate`` …
        reference: where it lies, ``vault:tenant/name``.
        version: the newest in the vault.
        current: the service's id of that; None when it cannot be told.
        candidate: the service's id of a new one that is stored beside it, and not used yet; None when there is none that lives.
        candidate_stored: a new one is stored, living or not.
        superseded: ids of our older ones, and of our leftovers, that still live.
        leftovers: those of them that a rotation made and whose value nobody has.
        others: ids of those that are not ours to remove.
        previous_version: the version before the newest; None when there is none.
        in_place: the service knows one at a time: a new one takes the old one's place at once.
    """

    provider: str
    kind: str
    reference: str
    version: int
    previous_version: int | None = None
    current: str | None = None
    current_expires_at: datetime | None = None
    candidate: str | None = None
    candidate_expires_at: datetime | None = None
    candidate_stored: bool = False
    superseded: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    in_place: bool = False


@runtime_checkable
class CredentialService(Protocol):
    """What an integration offers for one of its secrets; its handle's ``credentials`` are a mapping of those, by the secret's name.
    Raises only `ProviderError`."""

    kind: str
    secret: str
    """Its name in the ``secrets`` block of the provider."""
    in_place: bool
    """The service knows one at a time. Then `live` is not asked, `create` may be repeated, and nothing is removed."""
    labels: bool
    """The service keeps the name that a credential was given."""
    listed: bool
    """The service lists what lives. Where it does not (who has a certificate is in no list), `live` is not asked, `identify` knows a
    value by itself, `prepare` makes it here, and what lives is found by trying."""

    async def live(self) -> Sequence[LiveCredential]: ...

    async def identify(self, value: SecretBytes, live: Sequence[LiveCredential]) -> str | None:
        """Which of these the value is; None when it cannot be told from it."""
        ...

    async def prepare(self, label: str) -> SecretBytes | None:
        """A new value, where it is made here; None where the service makes it."""
        ...

    async def create(self, label: str, value: SecretBytes | None, signing: SecretBytes) -> MadeCredential:
        """Have a new one live at the service.

        Args:
            label: its name there.
            value: of `prepare`.
            signing: the credential that is good now: some services want a proof that we have it.
        """
        ...

    async def suspend(self, id: str, signing: SecretBytes) -> bool:
        """Shut one out so that it could be let in again, before it is removed; False where the service has no such thing."""
        ...

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """Kill one; absent counts as removed."""
        ...

    async def works(self, value: SecretBytes) -> bool:
        """Whether it signs in, everywhere where it should, by signing in."""
        ...

    async def dead(self, value: SecretBytes) -> bool:
        """Whether it is refused, everywhere, by trying."""
        ...


@runtime_checkable
class Expiring(Protocol):
    """A service whose values say themselves how long they are good."""

    def expires(self, value: SecretBytes) -> datetime | None:
        """When it ends; None: never, or it does not say."""
        ...


@runtime_checkable
class Leaving(Protocol):
    """A service whose credential can take itself away, everywhere, as the last thing that is done with it."""

    async def can_leave(self) -> bool:
        """Whether it can here: what was registered elsewhere is removed elsewhere. Raises `ProviderError`."""
        ...

    async def leave(self, value: SecretBytes) -> None:
        """Remove the credential ``value`` with itself. Repeatable: one that is refused already is gone."""
        ...


CredentialServices = Mapping[str, CredentialService]
"""What a handle offers as ``credentials``."""


@runtime_checkable
class Credentials(Protocol):
    """What tasks see. Raises `ProviderError`, and `RecordError` of the vault."""

    async def state(self, provider: str) -> CredentialState:
        """How it stands. ``provider`` names it: ``m365``, ``hosts/key``. Raises InvalidTenant where there is no such credential, or
        nobody but a person can replace it."""
        ...

    async def make(self, provider: str, label: str) -> None:
        """Have a new one live, stored as candidate. What was stored before is used again; leftovers are removed first."""
        ...

    async def discard(self, provider: str) -> None:
        """Kill the candidate and forget it."""
        ...

    async def candidate_works(self, provider: str) -> bool: ...

    async def promote(self, provider: str, version: int) -> None:
        """Make the candidate the credential that everybody uses, if ``version`` is the newest still. Raises Conflict otherwise."""
        ...

    async def suspend(self, provider: str, id: str) -> bool:
        """Shut a superseded one out, where the service can take that back; False where it cannot."""
        ...

    async def remove(self, provider: str, id: str) -> None:
        """Kill a superseded one, with the credential that is used now."""
        ...

    async def version_dead(self, provider: str, version: int) -> bool:
        """Whether an older one is refused everywhere."""
        ...

    async def version_works(self, provider: str, version: int) -> bool:
        """Whether a version signs in, everywhere."""
        ...

    async def forget_candidate(self, provider: str) -> None:
        """Delete the stored copy of one that was promoted."""
        ...
