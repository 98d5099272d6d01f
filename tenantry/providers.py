"""The contract between the assembly and an integration: vendor → provider → handle of one tenant → capabilities."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, SecretBytes

SecretSource = Callable[[str], Awaitable[SecretBytes]]
"""Name of a secret as the provider calls it → its value, out of the vault at the moment it is needed."""


@dataclass(frozen=True, slots=True)
class ProviderCheck:
    """Whether a provider works, by use.

    Attributes:
        signed_in: a token was issued.
        granted: permissions that the tenant grants, in the vendor's words; None when the vendor does not say.
        problems: one sentence each.
        facts: what else is worth showing (organisation's name, clock skew in seconds).
    """

    signed_in: bool
    granted: frozenset[str] | None
    problems: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Estate:
    """What the estate's provider of the same vendor says, for one client.

    Attributes:
        settings: of the estate's provider.
        handle: what this client is called there (``estate_handles`` of its file): the only thing that may be reached.
    """

    settings: Mapping[str, Any]
    handle: str


class Handle(Protocol):
    """One provider opened for one tenant. Reaches nothing of any other."""

    def capability(self, name: str) -> Any:
        """The object that implements the capability's Protocol. Raises OutOfScope for one that it has not."""
        ...

    async def check(self) -> ProviderCheck: ...

    async def aclose(self) -> None: ...


class Provider(Protocol):
    """A vendor. The module ``integrations/<vendor>/provider.py`` holds one as ``PROVIDER``."""

    vendor: str
    capabilities: tuple[str, ...]
    Settings: type[BaseModel]
    """Of the ``settings`` block in a tenant's file; ``extra="forbid"``."""
    secrets: tuple[str, ...]
    """Names that the ``secrets`` block may use."""

    async def open(self, settings: Any, secrets: SecretSource) -> Handle:
        """Build the handle. Signs in at first use, not here.

        A vendor whose credential is the MSP's, one for all clients, also has ``EstateSettings`` and takes ``estate``: an
        :class:`Estate`, or None where the client has no handle there.
        """
        ...
