"""The contract between the assembly and an integration: vendor → provider → handle of one tenant → capabilities."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretBytes

from tenantry.capabilities.messenger import CHANNELS
from tenantry.least import Grant

SecretSource = Callable[[str], Awaitable[SecretBytes]]
"""Name of a secret as the provider calls it → its value, out of the vault at the moment it is needed."""

_NAMED: Final = 20
"""Systems behind one provider that a sentence names."""


@dataclass(frozen=True, slots=True)
class ProviderCheck:
    """Whether a provider works, by use. What a provider does not know stays at its default, and reads "not known".

    Attributes:
        signed_in: a token was issued; None where signing in cannot be tried without doing something.
        granted: permissions that the tenant grants, in the vendor's words; None when the vendor does not say.
        problems: one sentence each: what keeps a run from working.
        facts: what else is worth showing (organisation's name, the address that answers).
        reachable: something answered at the vendor's address, whatever it said.
        refused: a service that proved itself answered, and did not accept the credential. False where it is not known: one that does
            not answer, or fails, says nothing about the credential.
        direct: those of ``granted`` that were given as they stand, not as part of a wider one: what least privilege is
            compared with. None: all of ``granted``.
        wider: names of ``direct`` → what each of them contains.
        host_keys: host → fingerprint of the key that it showed, and whether it is the expected one.
        clock_skew: seconds by which the vendor's clock is ahead of this machine's.
        expiries: what expires (a credential, a certificate) → when.
        tried: secret, by its name in the ``secrets`` block → True where every place took it, False where every place refused it, None
            where some did or somebody could not be asked; what was not used is left out. None: ``signed_in`` speaks for the only one.
        parts: what a provider of several systems (hosts) found at each, by name; ``signed_in`` is then True where all let us in. Empty: it
            is one system.
    """

    signed_in: bool | None
    granted: frozenset[str] | None
    problems: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    reachable: bool | None = None
    refused: bool = False
    direct: frozenset[str] | None = None
    wider: Mapping[str, frozenset[str]] = field(default_factory=dict)
    host_keys: Mapping[str, HostKey] = field(default_factory=dict)
    clock_skew: float | None = None
    expiries: Mapping[str, datetime] = field(default_factory=dict)
    tried: Mapping[str, bool | None] | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)

    @property
    def here_and_there(self) -> str:
        """Which of ``parts`` do not let us in, in a sentence; empty where all do, none does, or there are none."""
        away = [name for name, part in self.parts.items() if not part.signed_in]
        inside = len(self.parts) - len(away)
        if not away or not inside:
            return ""
        named = ", ".join(away[:_NAMED]) + (f" and {len(away) - _NAMED} more" if len(away) > _NAMED else "")
        return f"{named} {_verb(len(away))} not let us in; the other {inside} {_verb(inside)}"


def _verb(count: int) -> str:
    return "does" if count == 1 else "do"


@dataclass(frozen=True, slots=True)
class Part:
    """One of several systems behind one provider.

    Attributes:
        signed_in: it lets us in.
        reachable: something answered there.
        granted: what it grants, in the vendor's words; None where it did not say, because it did not let us in.
    """

    signed_in: bool
    reachable: bool
    granted: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's key as it was seen.

    Attributes:
        fingerprint: ``SHA256:…``, as OpenSSH shows it.
        expected: it is the one on file, or signed by an authority on file.
    """

    fingerprint: str
    expected: bool


@dataclass(frozen=True, slots=True)
class Client:
    """One client, as a provider with one credential for all of them is told of it: the handle reaches nothing else.

    Attributes:
        tenant: its name here.
        handle: what it is called at the vendor (company id, customer tenant id, account), by its file's ``estate_handles``.
        addresses: lower-case mail addresses of its contacts.
    """

    tenant: str
    handle: str
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Estate:
    """What the estate's provider of the same vendor says, for one client.

    Attributes:
        settings: of the estate's provider.
        handle: what this client is called there (``estate_handles`` of its file): the only thing that may be reached.
    """

    settings: Mapping[str, Any]
    handle: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that this machine connects to, for the list that a firewall is opened by.

    Attributes:
        host: a name or an address; where it stands in a secret, a description between angle brackets.
        purpose: what for, a few words.
    """

    host: str
    port: int
    purpose: str

    @classmethod
    def of(cls, url: str, purpose: str) -> Endpoint:
        """Of an http(s) address."""
        found = urlsplit(url)
        return cls(found.hostname or url, found.port or (80 if found.scheme == "http" else 443), purpose)


@runtime_checkable
class Reaches(Protocol):
    """A provider that says beforehand where it connects to."""

    def endpoints(self, settings: Any, estate: Mapping[str, Any] | None = None) -> Sequence[Endpoint]:
        """``settings`` as :class:`Provider.Settings` takes them; ``estate``: of the estate's provider whose credential is used."""
        ...


@runtime_checkable
class SignsInAhead(Protocol):
    """A handle that can sign in before it is used."""

    def ahead(self, names: Collection[str]) -> None:
        """Begin to sign in for the capabilities named. Whoever uses one first waits for that, and hears what became of it."""
        ...


@runtime_checkable
class Tries(Protocol):
    """A handle that can use permissions harmlessly."""

    async def tried(self, names: Iterable[str]) -> Mapping[str, bool | None]:
        """Permission → whether a read that needs it was let through; None where it could not be told. What has no harmless use
        (a permission that only changes something) is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Ours:
    """What of ourselves is seen in a client's systems, so that a sweep tells it from a stranger's.

    Attributes:
        applications: application (client) ids that we sign in with.
        partners: directory ids of the MSP's own tenant.
        cloud_accounts: AWS account ids: the client's own and the hub's.
        keys: SHA-256 fingerprints of SSH keys that we sign in with, as OpenSSH shows them.
    """

    applications: frozenset[str] = frozenset()
    partners: frozenset[str] = frozenset()
    cloud_accounts: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()


@runtime_checkable
class Recognised(Protocol):
    """A handle that knows what of ourselves is seen through it."""

    async def ours(self) -> Ours:
        """Asks the vendor nothing."""
        ...


@runtime_checkable
class Departs(Protocol):
    """A handle that can end our own access to the client's system with its last call, by what it may do there."""

    async def can_depart(self) -> bool:
        """Whether it can here. Asked without changing anything. Raises `ProviderError`."""
        ...

    async def depart(self) -> None:
        """End it. Repeatable as long as it signs in; from then on nobody signs in by it. Raises `ProviderError`."""
        ...


@runtime_checkable
class LeavesBehind(Protocol):
    """A handle of which something stays at the client after its credential took itself away."""

    def remains(self) -> Sequence[str]:
        """What it is, one line each, for the client's administrator. Asks the vendor nothing."""
        ...


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


@runtime_checkable
class EstateProvider(Protocol):
    """A provider that may stand in ``estate.yaml``: one credential, a handle for each client."""

    async def open_for(self, client: Client, settings: Any, secrets: SecretSource) -> Handle:
        """As :meth:`Provider.open`, pinned to one client."""
        ...


@runtime_checkable
class OpensEstate(Protocol):
    """A provider whose credential for all clients can be exchanged by itself."""

    async def open_estate(
        self, settings: Any, secrets: SecretSource, clients: Iterable[Mapping[str, Any]] = ()
    ) -> Handle:
        """A handle of the estate's own; reaches no client.

        Args:
            clients: settings of each client that is reached through it.
        """
        ...


@runtime_checkable
class JudgesEstate(Protocol):
    """A provider that knows what its credential for all clients is to be granted. Its `OpensEstate.open_estate` gives an `EstateHandle`."""

    def estate_privilege(self, settings: Any, secrets: Iterable[str], clients: Iterable[Mapping[str, Any]]) -> Grant:
        """What the credential is to be granted and no more. Signs in nowhere.

        Args:
            secrets: names of its secrets in estate.yaml.
        """
        ...


@runtime_checkable
class EstateHandle(Handle, Protocol):
    """The MSP's own credential at a vendor, opened.

    Attributes:
        wanted: what it is to be granted, once `check` has found out who it is: whatever else is granted is too much.
    """

    wanted: frozenset[str]


def channels_of(provider: Provider, settings: Any) -> tuple[str, ...]:
    """Which channels of ``messenger`` a provider carries with these settings; all of them unless it says otherwise."""
    says = getattr(provider, "channels", None)
    return CHANNELS if says is None else tuple(says(settings))
