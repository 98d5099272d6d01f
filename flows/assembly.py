"""One installation opened, and one tenant's context built from it. Knows no Prefect, so the command line starts fast.

Tasks and integrations meet here and nowhere else: a run gets a :class:`TenantAccess` that holds the capabilities of its
own tenant, opened when they are first used, each pinned to that tenant.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import SecretBytes, SecretStr

import integrations
from flows.credentials import TenantCredentials
from flows.reminding import Reminders
from flows.stores import store_opener
from tenantry.broker import BrokeredPeople, BrokeredVault, Supervisor
from tenantry.capabilities import ByChannel
from tenantry.capabilities.credentials import CredentialServices
from tenantry.contacts import Contacts
from tenantry.discovery import RunbookCatalog, TaskRegistry
from tenantry.drop import Drops
from tenantry.errors import InvalidRunbook, InvalidTenant, NoProvider, NotFound, OutOfScope, Rejected, TenantryError
from tenantry.estate import Estate, load_estate
from tenantry.evidence import EvidenceStore
from tenantry.home import Home
from tenantry.journal import MSP, Event, Journal, Ledger, RunIndex, Stored
from tenantry.passwords import new_password
from tenantry.people import People
from tenantry.providers import Client, EstateProvider, Handle, Provider, SecretSource, SignsInAhead, channels_of
from tenantry.providers import Estate as HandleAtEstate
from tenantry.run import RunState, Surroundings, fold, run_view
from tenantry.runbook import Runbook, pinned_runbook
from tenantry.signing import RecordSigner
from tenantry.tenants import ProviderConfig, Tenant, TenantStore
from tenantry.unattended import Budget
from tenantry.vault import Vault, passphrase_from_environment

if TYPE_CHECKING:
    from integrations.lab.drill import Drill
    from integrations.lab.services import LabServices

RUNBOOKS: Final = Path(__file__).resolve().parent.parent / "runbooks"
"""The shipped runbooks; the operator's own in ``TENANTRY_HOME/runbooks`` come before them."""


class Installation:
    """Everything a machine keeps, opened lazily: a command that only lists runbooks opens no vault."""

    def __init__(self, home: Home, vault: Vault | None = None) -> None:
        self.home = home
        if vault is not None:
            self.vault = vault

    @classmethod
    def open(cls, home: Home | None = None, vault: Vault | None = None) -> Installation:
        """The installation of a home.

        Args:
            home: ``TENANTRY_HOME`` when None.
            vault: what its secrets and keys come from; the process's own way to them when None. Closed with the installation.
        """
        return cls((home or Home.locate()).ensure(), vault)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        for name in ("drops", "budget", "contacts", "journal", "people", "vault"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()

    @cached_property
    def vault(self) -> Vault:
        """The vault: the one that was handed over; in a process of the service what the broker gives it, so that it never holds the master key."""
        brokered = BrokeredVault.from_environment(os.environ)
        if brokered is not None:
            return brokered
        return Vault.open(
            self.home,
            passphrase_from_environment(os.environ),
            on_read=self._vault_read,
            stores=store_opener(self.home),
        )

    def _vault_read(self, tenant: str, name: str, version: int, purpose: str) -> None:
        self.journal.append(tenant, [Event("vault.read", {"name": name, "version": version, "purpose": purpose})])

    @cached_property
    def journal(self) -> Journal:
        return Journal(f"sqlite:///{self.home.journal_db}", lambda tenant: self.vault.subkey(tenant, "journal"))

    @cached_property
    def ledger(self) -> Ledger:
        """The signed trees over the journal."""
        return Ledger(self.journal, RecordSigner(self.home, self.vault))

    async def anchor(self, stored: Stored) -> datetime | None:
        """Have the estate's authority time-stamp a checkpoint, and keep the verified answer.

        Returns:
            the time that it says; None when the estate has no authority.

        Raises:
            Unreachable, VendorFault, Rejected: the authority does not answer. NotProven: its answer does not verify.
        """
        authority = self.estate.time_stamp_authority
        if authority is None:
            return None
        from integrations.rfc3161 import request_timestamp
        from tenantry.proof.timestamp import question, verified_time

        asked = question(stored.note)
        response = await request_timestamp(authority.url, asked.der)
        at = verified_time(response, stored.note, authority.certificates.encode(), asked)
        await asyncio.to_thread(self.ledger.add_timestamp, stored, authority.url, response)
        return at

    @cached_property
    def people(self) -> People:
        if isinstance(self.vault, BrokeredVault):
            return BrokeredPeople(self.home, self.vault)
        return People(self.home, self.vault, on_event=self._people_event)

    @cached_property
    def contacts(self) -> Contacts:
        """Who of the clients' contacts can prove who they are."""
        return Contacts(self.home, self.vault, self._contact_event)

    def _contact_event(self, tenant: str, event: str, payload: dict[str, Any]) -> None:
        self.journal.append(tenant, [Event(event, payload)])

    @cached_property
    def drops(self) -> Drops:
        """Credential drops."""
        return Drops(self.home, self.vault, self.journal, self.contacts)

    def _people_event(self, event: str, payload: dict[str, Any]) -> None:
        self.journal.append(MSP, [Event(event, payload)])

    @cached_property
    def budget(self) -> Budget:
        """What alerts may cause by themselves."""
        return Budget(self.home, lambda tenant: self.tenants.get(tenant).policy, self.journal.clock.now)

    @cached_property
    def tenants(self) -> TenantStore:
        return TenantStore(self.home)

    @cached_property
    def estate(self) -> Estate:
        return load_estate(self.home)

    def sources(self, tenant: Tenant) -> list[Source]:
        """Every provider that serves a tenant: its own, in the order of its file, then those of the estate that know this client and have
        a name that none of its own has. One that only lends its credential to the client's own is none."""
        handles = tenant.estate_handles
        return [Source(key, config) for key, config in tenant.providers.items()] + [
            Source(key, config, handles[key])
            for key, config in (self.estate.providers.items() if handles else ())
            if key in handles
            and key not in tenant.providers
            and not hasattr(self.providers.get(config.vendor), "EstateSettings")
        ]

    @cached_property
    def registry(self) -> TaskRegistry:
        return _installed_tasks(tuple(sys.path))

    @cached_property
    def catalog(self) -> RunbookCatalog:
        return RunbookCatalog((self.home.runbooks, RUNBOOKS), self.registry)

    @cached_property
    def evidence(self) -> EvidenceStore:
        return EvidenceStore(self.home.evidence, lambda tenant: self.vault.subkey(tenant, "evidence"))

    @cached_property
    def providers(self) -> Mapping[str, Provider]:
        """Vendor → provider: every package of ``integrations`` with a ``provider`` module, and entry points."""
        return _installed_providers(tuple(sys.path))

    def like(self, other: Installation) -> None:
        """Take over what another one of the same home has read of clients' files, which are looked at again."""
        self.__dict__["tenants"] = other.tenants

    # --- runs ---------------------------------------------------------------------------------------------------------

    def surroundings(self) -> Surroundings:
        return Surroundings(
            journal=self.journal,
            registry=self.registry,
            people=self.people.records,
            evidence=self.evidence.sink,
            now=self.journal.clock.now,
            sign=self.sign,
            remind=Reminders(self),
            unattended=self.budget,
        )

    def sign(self, tenant: str) -> object:
        """Sign the record of a tenant as it is now: by the broker where there is one, which alone has the key."""
        if isinstance(self.vault, BrokeredVault):
            self.vault.checkpoint(tenant)
            return None
        return self.ledger.checkpoint(tenant)

    def sign_all(self) -> list[Stored]:
        """Sign every tree that grew.

        Returns:
            the new checkpoints.
        """
        if isinstance(self.vault, Supervisor):
            return self.vault.checkpoint_all()
        return self.ledger.checkpoint_all()

    def state(self, run: str | RunIndex) -> RunState:
        """A run by its id or an unambiguous beginning of it, or by what the list of runs has of it. Raises NotFound."""
        index = run if isinstance(run, RunIndex) else self.journal.run(run)
        try:
            records = self.journal.records(index)
        except NotFound:
            if index.tenant in self.vault.tenants():
                raise
            records = self.journal.entries(
                index.run_id
            )  # the client left: what happened when is known, and nothing else
        return fold(records, tenant=index.tenant)

    def runbook_of(self, state: RunState) -> Runbook | None:
        """The runbook that the run is pinned to; None when it no longer loads here (a task was taken away)."""
        try:
            return pinned_runbook(state.runbook_text, source=f"run {state.run_id}", registry=self.registry)
        except TenantryError:
            return None

    def view(self, run_id: str, *, live: bool | None = None) -> dict[str, Any]:
        """The run's JSON shape (``Run`` of the command line's contract).

        Args:
            live: whether a process owns it; looked up when None. Whoever followed the run until it stopped says False: its process
                has yet to sign the record, and owns it until then.
        """
        state = self.state(run_id)
        owned = self.journal.live(state.run_id) if live is None else live
        return run_view(state, live=owned, runbook=self.runbook_of(state))

    def views(self, tenant: str | None = None, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Runs, newest first."""
        for index in self.journal.runs(tenant, limit):
            yield self.view(index.run_id)

    # --- one tenant ---------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def access(
        self, tenant: str, mode: str, params: Mapping[str, Any] | None = None
    ) -> AsyncIterator[TenantContext]:
        """One tenant's context for one run; closes every provider that was opened.

        Args:
            mode: in ``drill`` every provider is the lab's, and a real client cannot be built.
            params: the run's; a drill's story happens to the account among them.
        """
        found = self.tenants.get(tenant)
        drill = _drill(found, params or {}) if mode == "drill" else None
        context = TenantContext(self, found, drill=drill)
        try:
            yield context
        finally:
            await context.aclose()


@dataclass(frozen=True, slots=True)
class Source:
    """A provider that serves a tenant. ``handle``: what the client is called there, for one of the estate's; None: its own."""

    key: str
    config: ProviderConfig
    handle: str | None = None


class TenantContext:
    """:class:`tenantry.run.TenantAccess` over the tenant's file."""

    def __init__(self, installation: Installation, tenant: Tenant, *, drill: Drill | None) -> None:
        self.name = tenant.name
        self.tenant = tenant
        self.subject: Mapping[str, Any] = tenant.public()
        self.protected = frozenset(
            account.lower() for account in (*tenant.break_glass_accounts, *tenant.responder_accounts)
        )
        self.disruptive_needs = tenant.policy.disruptive_needs
        self._installation = installation
        self._drill = drill
        self.telling: Any = None
        """Told how far a sweep is (`tenantry.sweep.live.Progress`); None: nobody is."""
        self._handles: dict[str, asyncio.Task[Handle]] = {}
        self._rehearsed: LabServices | None = None

    async def capability(self, name: str) -> Any:
        if name == "secrets":
            return TenantSecrets(self._installation.vault, self.name)
        if name == "looking":
            from flows.looking import TenantLooking

            return TenantLooking(self._installation, self)
        if name == "host_service" and self._drill is not None:
            from integrations.lab.services import LabServices

            self._rehearsed = self._rehearsed or LabServices()
            return self._rehearsed
        if name == "probing":
            from flows.probing import Rehearsed, TenantProbing

            if self._drill is not None:
                return Rehearsed()
            from integrations.probes import ask_dns, ask_http, ask_tcp
            from tenantry.disaster.probes import DnsProbe, HttpProbe, TcpProbe

            return TenantProbing(self, {HttpProbe: ask_http, TcpProbe: ask_tcp, DnsProbe: ask_dns})
        if name == "public_dns":
            servers = [(str(one.address), one.port) for one in self._installation.estate.name_servers]
            if self._drill is not None or not servers:
                from flows.probing import NobodyAsked

                return NobodyAsked()
            from integrations.public_dns import Resolvers

            return Resolvers(servers)
        if name in ("risks", "recorded"):
            from flows.remembering import TenantRecorded, TenantRisks

            if name == "risks":
                return TenantRisks(self._installation, self.name, drill=self._drill is not None)
            return TenantRecorded(self._installation, self.name)
        if name == "compliance":
            from flows.complying import TenantCompliance

            return TenantCompliance(self._installation, self.name)
        if name == "sweeping":
            from flows.sweeping import TenantSweeping

            return TenantSweeping(self._installation, self, progress=self.telling)
        if name == "incidents":
            from flows.sweeping import TenantIncidents

            return TenantIncidents(self._installation, self.name, "drill" if self._drill is not None else "run")
        if name == "intake":
            from flows.pulling import TenantIntake

            return TenantIntake(self._installation, self, drill=self._drill is not None)
        if name == "onboarding":
            from flows.onboarding_hand import TenantOnboarding

            return TenantOnboarding(self._installation, self.name, "drill" if self._drill is not None else "run")
        if name == "offboarding":
            from flows.offboarding_hand import TenantOffboarding

            return TenantOffboarding(self._installation, self)
        if name == "credentials":
            if self._drill is not None:
                # The services are the lab's, but the vault is the client's own: what the lab made would replace what works.
                raise OutOfScope(
                    "a drill replaces no credential", remedy="Leave this step out of the drill, or use a lab tenant."
                )
            references = {key: config.secrets for key, config in self.tenant.providers.items()}
            vault = self._installation.vault
            return TenantCredentials(vault, self.name, self._credential_services, references, self._signs_in_with)
        sources = self._sources(name)
        if not sources:
            raise NoProvider(
                f"the tenant {self.name} has no provider for {name!r}",
                remedy=f"Add a provider with this capability to tenants/{self.name}.yaml.",
            )
        if name == "messenger" and len(sources) > 1:
            return ByChannel(self._by_channel(sources))
        return await self._first(sources, name)

    async def ahead(self, names: Collection[str]) -> None:
        """Open what serves these, and sign in where that can be done beforehand. What fails is met by who uses it."""
        wanted: dict[str, tuple[Source, set[str]]] = {}
        for name in names:
            for source in self._sources(name)[:1]:
                wanted.setdefault(source.key, (source, set()))[1].add(name)

        async def one(source: Source, of: set[str]) -> None:
            with contextlib.suppress(TenantryError):
                handle = await self._opened(source)
                if isinstance(handle, SignsInAhead):
                    handle.ahead(of)

        await asyncio.gather(*(one(source, of) for source, of in wanted.values()))

    async def _first(self, sources: list[Source], name: str) -> Any:
        """Of the first provider that has it for this tenant: one that could have it need not (hosts without a backup)."""
        for source in sources[:-1]:
            handle = await self._opened(source)
            with contextlib.suppress(OutOfScope):
                return handle.capability(name)
        handle = await self._opened(sources[-1])
        try:
            return handle.capability(name)
        except OutOfScope as error:
            raise NoProvider(
                f"no provider of {self.name} has {name!r}: {error.message}",
                remedy=f"Look at the settings of its providers in tenants/{self.name}.yaml.",
            ) from error

    async def _credential_services(self, key: str) -> CredentialServices:
        if "credentials" not in self._provider(self.tenant.providers[key].vendor).capabilities:
            return {}
        found: CredentialServices = (await self.handle(key)).capability("credentials")
        return found

    async def _signs_in_with(self, key: str, secret: str, value: SecretBytes) -> bool | None:
        """Whether a provider of the tenant's own signs in with another value for one of its secrets.

        Returns:
            True: it does, everywhere. False: it is refused, everywhere. None: neither, or it could not be asked.

        Raises:
            Rejected: it cannot be tried without doing something (a webhook is tried by a message alone), or signing in does not need it.
        """
        handle = await self._open(Source(key, self.tenant.providers[key]), {secret: value})
        try:
            found = await handle.check()
        finally:
            await handle.aclose()
        if found.signed_in is None or (found.tried is not None and secret not in found.tried):
            raise Rejected(
                f"whether {secret} of {key} is good shows in use alone",
                remedy="Try it by hand, and store it with `vault put`.",
            )
        if found.tried is not None:
            return found.tried[secret]
        # A service that does not answer, or answers that it is in trouble, has refused nothing.
        return True if found.signed_in else False if found.refused else None

    async def credential_services(self, key: str) -> CredentialServices:
        """What a provider of the tenant's own file offers for its secrets."""
        return await self._credential_services(key)

    async def opened_afresh(self, source: Source) -> Handle:
        """A handle for one look, with sessions of its own; the caller closes it."""
        return await self._open(source)

    async def handle(self, key: str) -> Handle:
        """The opened provider of that name, for check-ups: the tenant file's, else the estate's."""
        return await self._opened(next(source for source in self.sources() if source.key == key))

    def sources(self) -> list[Source]:
        """As `Installation.sources`."""
        return self._installation.sources(self.tenant)

    def _sources(self, capability: str) -> list[Source]:
        return [
            source
            for source in self.sources()
            if capability in (source.config.capabilities or self._provider(source.config.vendor).capabilities)
        ]

    def _by_channel(self, sources: list[Source]) -> dict[str, Callable[[], Awaitable[Any]]]:
        """Channel → opens the messenger of the first provider that carries it."""

        async def messenger(source: Source) -> Any:
            return (await self._opened(source)).capability("messenger")

        openers: dict[str, Callable[[], Awaitable[Any]]] = {}
        for source in sources:
            for channel in channels_of(self._provider(source.config.vendor), dict(source.config.settings)):
                openers.setdefault(channel, partial(messenger, source))
        return openers

    async def _opened(self, source: Source) -> Handle:
        """Opened once, however many ask at the same moment; one that could not be opened is tried again by who asks next."""
        opening = self._handles.get(source.key)
        if opening is None:
            opening = self._handles[source.key] = asyncio.create_task(self._open(source))
        try:
            return await asyncio.shield(opening)
        finally:
            failed = opening.done() and (opening.cancelled() or opening.exception() is not None)
            if failed and self._handles.get(source.key) is opening:
                del self._handles[source.key]

    def _provider(self, vendor: str) -> Provider:
        try:
            return self._installation.providers[vendor]
        except KeyError:
            known = ", ".join(sorted(self._installation.providers))
            raise InvalidTenant(f"the tenant {self.name} names an unknown vendor {vendor!r} (known: {known})") from None

    async def _open(self, source: Source, instead: Mapping[str, SecretBytes] = MappingProxyType({})) -> Handle:
        """Open a provider; ``instead``: values that take the place of its secrets."""
        key, config = source.key, source.config
        provider = self._provider(config.vendor)
        if self._drill is not None:
            return await self._drill.open(config.vendor)
        settings = provider.Settings.model_validate(dict(config.settings))
        shared = self._estate_provider(config, key) if hasattr(provider, "EstateSettings") else None
        file = "estate.yaml" if source.handle is not None else f"tenants/{self.name}.yaml"

        async def secret(name: str) -> SecretBytes:
            if name in instead:
                return instead[name]
            if name not in config.secrets and shared is not None and name in shared[1].secrets:
                return await asyncio.to_thread(
                    self._installation.vault.resolve,
                    shared[1].secrets[name],
                    for_tenant=self.name,
                    estate_provider=True,
                    purpose=f"{config.vendor} sign-in for {self.name}",
                )
            if name not in config.secrets:
                raise InvalidTenant(
                    f"the provider {key!r} of {self.name} needs the secret {name!r}",
                    remedy=f"Name it under providers.{key}.secrets in {file}.",
                )
            return await asyncio.to_thread(
                self._installation.vault.resolve,
                config.secrets[name],
                for_tenant=self.name,
                estate_provider=source.handle is not None,
                purpose=f"{config.vendor} sign-in",
            )

        with self._sharing():
            if hasattr(provider, "EstateSettings"):
                estate = None if shared is None else HandleAtEstate(dict(shared[1].settings), shared[0])
                return await provider.open(settings, secret, estate=estate)  # type: ignore[call-arg]  # it says that it takes one
            return await self._pinned(source, provider, settings, secret)

    async def _pinned(self, source: Source, provider: Provider, settings: Any, secret: SecretSource) -> Handle:
        key, config = source.key, source.config
        if source.handle is None:
            return await provider.open(settings, secret)
        if not isinstance(provider, EstateProvider):
            raise InvalidTenant(
                f"{config.vendor} cannot be one for all clients: it has no way to be pinned to one",
                remedy=f"Name it in the clients' own files instead of under providers.{key} in estate.yaml.",
            )
        return await provider.open_for(self._client(source.handle), settings, secret)

    def _sharing(self) -> contextlib.AbstractContextManager[None]:
        """Several runs of a tenant, each in its process, share what its vendors allow."""
        from integrations.turns import shared_in

        return shared_in(self._installation.home.limits)

    def _client(self, handle: str) -> Client:
        addresses = (contact.email for contact in self.tenant.contacts if contact.email)
        return Client(self.name, handle, frozenset(address.lower() for address in addresses))

    def _estate_provider(self, config: ProviderConfig, name: str) -> tuple[str, ProviderConfig] | None:
        """What this client is called at the estate's provider of the same vendor, and that provider; None where it has no handle. Where there are several:
        the one of that name, else the one whose handle the settings name too, else the first; what does not fit, the provider refuses."""
        found = {
            key: (self.tenant.estate_handles[key], one)
            for key, one in self._installation.estate.providers.items()
            if one.vendor == config.vendor and key in self.tenant.estate_handles
        }
        if name in found:
            return found[name]
        fitting = (one for one in found.values() if one[0] in config.settings.values())
        return next(fitting, None) or next(iter(found.values()), None)

    async def aclose(self) -> None:
        opened, self._handles = list(self._handles.values()), {}
        for opening in opened:
            opening.cancel()  # no effect on those that are open
        handles = await asyncio.gather(*opened, return_exceptions=True)
        await asyncio.gather(*(handle.aclose() for handle in handles if not isinstance(handle, BaseException)))


def _drill(tenant: Tenant, params: Mapping[str, Any]) -> Drill:
    from integrations.lab.drill import Drill  # the lab is loaded for drills alone

    account = params.get("account")
    victim = account if isinstance(account, str) and "@" in account else None
    domain = tenant.domains[0] if tenant.domains else "client.example"
    host, key = params.get("host"), params.get("access_key")
    accounts, keys = _list(params, "accounts"), _list(params, "access_keys")
    named = {name: _list(params, name) for name in ("hosts", "buckets", "principals", "sources")}
    if accounts or keys or any(named.values()):
        account = next((one for one in accounts if "@" in one), None)
        return Drill(tenant.name, domain, account, access_key=keys[0] if keys else None, named=named)
    return Drill(
        tenant.name,
        domain,
        victim,
        host=host if isinstance(host, str) and host else None,
        access_key=key if isinstance(key, str) and key else None,
    )


def _list(params: Mapping[str, Any], name: str) -> list[str]:
    """A parameter that is a list of texts; empty when it is anything else."""
    value = params.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


class TenantSecrets:
    """The ``secrets`` capability over the vault: makes and stores, never looks around."""

    def __init__(self, vault: Vault, tenant: str) -> None:
        self._vault = vault
        self._tenant = tenant

    async def generate_password(self, name: str) -> SecretStr:
        return await asyncio.to_thread(
            self._vault.get_or_create,
            self._tenant,
            name,
            new_password,
            kind="password",
            purpose="generated for a reset",
        )

    def reference(self, name: str) -> str:
        return f"vault:{self._tenant}/{name}"


@lru_cache(1)
def _installed_tasks(_where: tuple[str, ...]) -> TaskRegistry:
    """Once a process, while it looks in the same places: what is imported stays, and looking reads the files of every distribution."""
    return TaskRegistry.discover()


@lru_cache(1)
def _installed_providers(_where: tuple[str, ...]) -> Mapping[str, Provider]:
    """Once a process, likewise."""
    return MappingProxyType(discover_providers())


def discover_providers() -> dict[str, Provider]:
    """Every provider, by vendor name.

    Raises:
        OutOfScope: two providers claim the same vendor.
    """
    found: dict[str, Provider] = {}
    for module in pkgutil.iter_modules(integrations.__path__, "integrations."):
        if module.ispkg and importlib.util.find_spec(f"{module.name}.provider") is not None:
            _add(found, importlib.import_module(f"{module.name}.provider").PROVIDER)
    for point in entry_points(group="tenantry.providers"):
        _add(found, point.load())
    return found


def _add(found: dict[str, Provider], provider: Provider) -> None:
    if provider.vendor in found:
        raise OutOfScope(f"two providers are called {provider.vendor!r}", remedy="Remove one of the packages.")
    found[provider.vendor] = provider


def preload(installation: Installation) -> None:
    """Import everything that a run may need, for a process whose children are to begin at once: tasks, the providers that clients
    have, runbooks and what the usual writes of Microsoft 365 take from its SDK."""
    from integrations.http import tls_context
    from integrations.microsoft365 import sdk

    tls_context()
    sdk.preload()
    vendors: set[str] = set()
    for name in installation.tenants.names():
        with contextlib.suppress(InvalidTenant):  # named when somebody wants to run something there
            vendors |= {config.vendor for config in installation.tenants.get(name).providers.values()}
    used = {type(provider).__module__ for vendor, provider in installation.providers.items() if vendor in vendors}
    for package in {"integrations.microsoft365", *(name.rpartition(".")[0] for name in used)}:  # the lab plays that one
        for found in pkgutil.iter_modules(getattr(importlib.import_module(package), "__path__", ())):
            importlib.import_module(f"{package}.{found.name}")
    for runbook_id in installation.catalog.ids():
        with contextlib.suppress(InvalidRunbook):  # named when somebody wants to run it
            installation.catalog.get(runbook_id)
    _ = installation.providers


__all__ = ["RUNBOOKS", "Installation", "Source", "TenantContext", "TenantSecrets", "discover_providers", "preload"]
