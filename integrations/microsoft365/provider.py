"""Microsoft 365: ``identity``, ``mail``, ``logs`` and ``applications`` of one tenant, as an application registered in it, or as one of the
MSP's that it consented to.

In a tenant's file::

    providers:
      m365:
        vendor: microsoft365
        settings:
          tenant_id: 11111111-2222-3333-4444-555555555555
          client_id: 66666666-7777-8888-9999-000000000000
          credential: certificate        # or client_secret
        secrets:
          certificate: vault:acme/m365-certificate

and, where the vault keeps the password of an account of the client's, ``accounts: {break_glass: breakglass@acme.example}`` under settings
and ``break_glass: vault:acme/m365/break-glass`` under secrets.

One application of the MSP's own, registered for any organisation, serves every client that consented to it: the same block with the
MSP's own directory in ``estate.yaml``, its secret the estate's, and in a client's file the client's directory and nothing more::

    estate_handles: {m365: 11111111-2222-3333-4444-555555555555}

The promise: a handle reaches the configured tenant and nothing else. Its tokens are asked of that tenant's endpoint, a token that
says otherwise is refused, and no link of an answer leads a token to another host. With the MSP's application a token that does not say whose
it is is refused too: its credential opens every client that consented.

Addresses of national clouds: learn.microsoft.com/graph/deployments (login and Graph),
learn.microsoft.com/powershell/exchange/connect-to-exchange-online-powershell (Exchange).
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretBytes, field_validator

from integrations.address import plain_address
from tenantry.errors import InvalidTenant, OutOfScope, PermissionMissing, ProviderError, SignInFailed, TenantryError
from tenantry.providers import Client, Endpoint, Ours, ProviderCheck, SecretSource

if TYPE_CHECKING:
    import httpx

    from integrations.http import Http, Limits
    from integrations.microsoft365.auth import Tokens
    from integrations.microsoft365.graph import Graph
    from integrations.microsoft365.partner import Partner

__all__ = ["CAPABILITIES", "PROVIDER", "Cloud", "Microsoft365Handle", "Microsoft365Provider", "Settings"]

VENDOR: Final = "microsoft365"
CAPABILITIES: Final = (
    *("identity", "mail", "logs", "applications", "credentials"),
    *("application_inventory", "directory", "directory_logs", "directory_settings"),
    *("drives", "entitlements", "mail_flow", "managed_devices", "security_alerts", "telephony", "workspace_backup"),
)


class Cloud(enum.StrEnum):
    """Which of Microsoft's clouds the tenant lives in."""

    GLOBAL = "global"
    GCC_HIGH = "gcc_high"
    DOD = "dod"
    CHINA = "china"


@dataclass(frozen=True, slots=True)
class _Addresses:
    login: str
    graph: str
    exchange: str


_CLOUDS: Final = {
    Cloud.GLOBAL: _Addresses(
        "https://login.microsoftonline.com", "https://graph.microsoft.com", "https://outlook.office365.com"
    ),
    Cloud.GCC_HIGH: _Addresses(
        "https://login.microsoftonline.us", "https://graph.microsoft.us", "https://outlook.office365.us"
    ),
    Cloud.DOD: _Addresses(
        "https://login.microsoftonline.us", "https://dod-graph.microsoft.us", "https://outlook-dod.office365.us"
    ),
    Cloud.CHINA: _Addresses(
        "https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn", "https://partner.outlook.cn"
    ),
}


class Settings(BaseModel):
    """The ``settings`` block. Addresses are the cloud's own unless a stand-in is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: str = Field(description="Directory (tenant) id, a GUID")
    client_id: str = Field(description="Application (client) id, a GUID")
    credential: Literal["client_secret", "certificate"] = Field(
        "client_secret", description="How the application proves itself; also the name of the secret"
    )
    cloud: Cloud = Field(Cloud.GLOBAL, description="Microsoft's cloud that holds the tenant")
    accounts: dict[str, str] = Field(
        default_factory=dict,
        max_length=20,
        description="Accounts whose passwords the vault keeps: the name of each among the secrets, and the account",
    )
    concurrency: int = Field(
        16,
        ge=1,
        le=64,
        description="Requests under way at once; less where other tools of the client use up what Microsoft allows",
    )
    """Ten batches of cmdlets are the most that Exchange takes of one caller (:mod:`integrations.microsoft365.exchange`), and six more leave
    whoever else asks something his turn; Graph limits no number, only rates, and takes twenty questions in each."""
    login_url: str | None = Field(None, description="Instead of the cloud's sign-in address")
    graph_url: str | None = Field(None, description="Instead of the cloud's Graph address, without version")
    exchange_url: str | None = Field(None, description="Instead of the cloud's Exchange address")

    @field_validator("tenant_id", "client_id")
    @classmethod
    def _guid(cls, value: str) -> str:
        return str(uuid.UUID(value))

    @field_validator("login_url", "graph_url", "exchange_url")
    @classmethod
    def _safe(cls, value: str | None) -> str | None:
        return None if value is None else plain_address(value)

    @property
    def addresses(self) -> tuple[str, str, str]:
        """Sign-in, Graph and Exchange."""
        own = _CLOUDS[self.cloud]
        return self.login_url or own.login, self.graph_url or own.graph, self.exchange_url or own.exchange

    @property
    def scopes(self) -> tuple[str, str]:
        """Graph's and Exchange's; named after the cloud's services also when a stand-in answers."""
        own = _CLOUDS[self.cloud]
        return f"{own.graph}/.default", f"{own.exchange}/.default"


_REFUSED: Final = frozenset(
    {
        *(
            "AADSTS7000215",
            "AADSTS7000222",
            "AADSTS700027",
        ),  # a secret that is wrong or over, a certificate that is not registered
        *(
            "AADSTS700016",
            "AADSTS7000229",
            "AADSTS7000112",
        ),  # the application is not there, has no principal there, is disabled
    }
)
"""What the directory says of us, and not of this machine's clock, of our own file or of where we sign in from."""


class Microsoft365Handle:
    """One tenant, opened.

    Args:
        home: the MSP's own directory, where its application is registered; None: the application is the client's.
    """

    def __init__(
        self,
        settings: Settings,
        http: Http,
        tokens: Tokens,
        graph: Graph,
        capabilities: dict[str, Any],
        home: str | None = None,
    ) -> None:
        self._settings = settings
        self._home = home
        self._http = http
        self._graph = graph
        self._tokens = tokens
        self._capabilities = capabilities

    def capability(self, name: str) -> Any:
        """One of ``CAPABILITIES``. Raises OutOfScope for any other."""
        try:
            return self._capabilities[name]
        except KeyError:
            raise OutOfScope(f"{VENDOR} does not offer {name!r}", vendor=VENDOR) from None

    async def ours(self) -> Ours:
        """The application that we sign in as, and the MSP's directory where it is registered there."""
        partners = frozenset() if self._home is None else frozenset({self._home})
        return Ours(applications=frozenset({self._settings.client_id}), partners=partners)

    def ahead(self, names: Collection[str]) -> None:
        """Sign in to Graph, and to Exchange where mailboxes are wanted."""
        graph, exchange = self._settings.scopes
        self._tokens.ahead(graph)
        if not {"mail", "mail_flow"}.isdisjoint(names):
            self._tokens.ahead(exchange)

    async def check(self) -> ProviderCheck:
        """Sign in to both services, and say what is granted: the roles that the tokens carry or, where a token does not
        tell, those assigned in the directory, each with the permissions that it contains; and whether Exchange runs a cmdlet, which needs more than the permission."""
        from integrations.microsoft365.exchange import PERMISSION  # loaded with the handle already
        from integrations.microsoft365.permissions import wider, with_contained

        granted: set[str] = set()
        problems: list[str] = []
        signed_in = True
        told = True
        refused = False
        for service, scope in zip(("Graph", "Exchange"), self._settings.scopes, strict=True):
            try:
                claims = await self._tokens.claims(scope)
            except TenantryError as exc:
                signed_in = False
                refused = refused or (isinstance(exc, SignInFailed) and exc.detail.get("aadsts") in _REFUSED)
                problems.append(f"{service}: {exc.message}. {exc.remedy}")
                continue
            roles = claims.get("roles")
            if isinstance(roles, list):
                granted.update(str(role) for role in roles)
            elif not claims:
                told = False
        facts: dict[str, Any] = {}
        if signed_in and not told:
            try:
                granted |= await self._capabilities["identity"].granted(self._settings.client_id)
                told = True
            except ProviderError as exc:
                problems.append(f"Graph: {exc.message}. {exc.remedy}")
        if signed_in:
            await self._look(granted, problems, facts, PERMISSION)
        return ProviderCheck(
            signed_in=signed_in,
            granted=with_contained(granted) if told else None,
            problems=tuple(problems),
            facts=facts,
            reachable=self._http.answered,
            refused=refused,
            direct=frozenset(granted) if told else None,
            wider=wider(granted),
            clock_skew=self._http.clock_skew,
            expiries=await self._expiries(signed_in),
        )

    async def _expiries(self, signed_in: bool) -> dict[str, datetime]:
        """When the credential ends: a certificate says so itself, of secrets the directory knows it where the application is
        registered in this tenant (elsewhere only its owner does)."""
        expires = await self._tokens.certificate_expires()
        if expires is not None:
            return {"the certificate": expires}
        if not signed_in:
            return {}
        try:
            found: dict[str, datetime] = await self._capabilities["identity"].secrets_of(self._settings.client_id)
        except ProviderError:  # for display; what a run needs is compared by the caller
            return {}
        return found

    async def _look(self, granted: set[str], problems: list[str], facts: dict[str, Any], permission: str) -> None:
        try:
            facts["organization"] = await self._capabilities["identity"].organization()
        except PermissionMissing:
            pass  # a name for display; the permissions that matter are compared by the caller
        except ProviderError as exc:
            problems.append(f"Graph: {exc.message}. {exc.remedy}")
        try:
            await self._capabilities["mail"].probe()
        except ProviderError as exc:
            granted.discard(permission)  # the permission alone runs no cmdlet
            problems.append(f"Exchange: {exc.message}. {exc.remedy}")

    @property
    def partner(self) -> Partner:
        """The MSP's own tenant as a partner's; for the estate, never for a client's run."""
        from integrations.microsoft365.partner import Partner

        return Partner(self._graph)

    async def tried(self, names: Iterable[str]) -> dict[str, bool | None]:
        """As `tenantry.providers.Tries`."""
        from integrations.microsoft365.probes import tried

        return await tried(self._graph, self._capabilities["mail"].probe, names)

    async def can_depart(self) -> bool:
        """As `tenantry.providers.Departs`: whether the application may delete itself here."""
        from integrations.microsoft365.departure import NEEDED, Departure

        granted = (await self.check()).granted
        return (
            granted is not None and NEEDED in granted and await Departure(self._graph, self._settings.client_id).can()
        )

    async def depart(self) -> None:
        """Delete our application here: the last call that it makes."""
        from integrations.microsoft365.departure import Departure

        await Departure(self._graph, self._settings.client_id).leave()
        self._tokens.clear()

    async def aclose(self) -> None:
        """Close the connections and forget the tokens."""
        self._tokens.clear()
        await self._http.aclose()


class Microsoft365Provider:
    """The vendor, for the assembly."""

    vendor = VENDOR
    capabilities = CAPABILITIES
    Settings: type[BaseModel] = Settings
    secrets = ("client_secret", "certificate")
    rotates = ("client_secret", "certificate")

    def endpoints(self, settings: Any, estate: Mapping[str, Any] | None = None) -> tuple[Endpoint, ...]:  # noqa: ARG002  # it has none there
        """As `tenantry.providers.Reaches`: sign-in, Graph, Exchange."""
        purposes = ("sign-in", "Microsoft Graph", "Exchange Online")
        own = Settings.model_validate(settings)
        return tuple(Endpoint.of(url, purpose) for url, purpose in zip(own.addresses, purposes, strict=True))

    async def open(
        self,
        settings: Any,
        secrets: SecretSource,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: Limits | None = None,
        sleep: Any = None,
    ) -> Microsoft365Handle:
        """A handle of one tenant; signs in at first use.

        Args:
            settings: a :class:`Settings`.
            secrets: gives ``client_secret`` or ``certificate`` at each sign-in.
            transport: instead of the network.
            limits: how much the client may do.
            sleep: instead of ``asyncio.sleep``.
        """
        return await _opened(Settings.model_validate(settings), secrets, None, transport, limits, sleep)

    async def open_for(
        self,
        client: Client,
        settings: Any,
        secrets: SecretSource,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: Limits | None = None,
        sleep: Any = None,
    ) -> Microsoft365Handle:
        """A handle of one client's directory, as the MSP's own application; arguments as for `open`.

        Raises:
            InvalidTenant: what the client is called there is no directory id in the one form that it is compared in.
            OutOfScope: it is the MSP's own directory.
        """
        own = Settings.model_validate(settings)
        if client.handle != _canonical(client.handle):  # two spellings would be two clients to whoever compares
            raise InvalidTenant(
                f"what {client.tenant} is called at {VENDOR} is no directory id in lower case",
                remedy=f"Write the client's directory (tenant) id under estate_handles in tenants/{client.tenant}.yaml.",
            )
        if client.handle == own.tenant_id:
            raise OutOfScope(
                f"{client.tenant} is called there as the MSP's own directory is",
                remedy=f"Write the client's directory (tenant) id under estate_handles in tenants/{client.tenant}.yaml.",
                vendor=VENDOR,
            )
        pinned = own.model_copy(update={"tenant_id": client.handle, "accounts": {}})
        return await _opened(pinned, secrets, own.tenant_id, transport, limits, sleep)

    async def open_estate(
        self, settings: Any, secrets: SecretSource, clients: Iterable[Mapping[str, Any]] = ()
    ) -> Microsoft365Handle:
        """The MSP's own directory, for its application's own credential; reaches no client."""
        del clients  # what it may do there, each client's check-up tells
        return await self.open(settings, secrets)


async def _opened(
    own: Settings,
    secrets: SecretSource,
    home: str | None,
    transport: httpx.AsyncBaseTransport | None,
    limits: Limits | None,
    sleep: Any,
) -> Microsoft365Handle:
    # Imported here, so that naming the vendor and checking a tenant's file load no HTTP client.
    from integrations.http import Http
    from integrations.http import Limits as HttpLimits
    from integrations.microsoft365.account_password import AccountPassword
    from integrations.microsoft365.application_inventory import Microsoft365ApplicationInventory
    from integrations.microsoft365.applications import Microsoft365Applications
    from integrations.microsoft365.auth import Tokens
    from integrations.microsoft365.credentials import Microsoft365Credentials
    from integrations.microsoft365.directory import Microsoft365Directory
    from integrations.microsoft365.directory_logs import Microsoft365DirectoryLogs
    from integrations.microsoft365.directory_settings import Microsoft365DirectorySettings
    from integrations.microsoft365.drives import Microsoft365Drives
    from integrations.microsoft365.entitlements import Microsoft365Entitlements
    from integrations.microsoft365.exchange import Exchange
    from integrations.microsoft365.graph import Graph
    from integrations.microsoft365.identity import Microsoft365Identity
    from integrations.microsoft365.logs import Microsoft365Logs
    from integrations.microsoft365.mail import Microsoft365Mail
    from integrations.microsoft365.mail_flow import Microsoft365MailFlow
    from integrations.microsoft365.managed_devices import Microsoft365ManagedDevices
    from integrations.microsoft365.security_alerts import Microsoft365SecurityAlerts
    from integrations.microsoft365.telephony import Microsoft365Telephony
    from integrations.microsoft365.workspace_backup import Microsoft365WorkspaceBackup

    login, graph_url, exchange_url = own.addresses
    graph_scope, exchange_scope = own.scopes
    limits = limits or HttpLimits(concurrency=own.concurrency)
    http = await Http.open(
        VENDOR, own.tenant_id, limits=limits, transport=transport, **({"sleep": sleep} if sleep is not None else {})
    )
    tokens = Tokens(
        http,
        tenant_id=own.tenant_id,
        client_id=own.client_id,
        token_url=f"{login}/{own.tenant_id}/oauth2/v2.0/token",
        kind=own.credential,
        secrets=secrets,
        shared=home is not None,
    )
    graph = Graph(http, tokens.authorizer(graph_scope), graph_url)
    exchange = Exchange(http, tokens.authorizer(exchange_scope), exchange_url, own.tenant_id)

    async def sign_in(value: SecretBytes) -> None:
        async def given(_name: str) -> SecretBytes:
            return value

        await Tokens(
            http,
            tenant_id=own.tenant_id,
            client_id=own.client_id,
            token_url=f"{login}/{own.tenant_id}/oauth2/v2.0/token",
            kind=own.credential,
            secrets=given,
        ).token(graph_scope)

    async def sign_in_as(account: str, value: SecretBytes) -> None:
        await tokens.prove_password(account, value, graph_scope)

    identity = Microsoft365Identity(graph)
    passwords = {
        name: AccountPassword(graph, identity, name, account, sign_in_as) for name, account in own.accounts.items()
    }
    applications = Microsoft365Applications(graph, own.tenant_id, own.client_id)
    credentials: dict[str, Any] = dict(passwords)
    if home is None:  # the MSP's own is replaced in its own directory, once for all clients
        credentials[own.credential] = Microsoft365Credentials(graph, own.client_id, own.credential, sign_in)
    capabilities = {
        "credentials": credentials,
        "identity": identity,
        "drives": Microsoft365Drives(graph),
        "entitlements": Microsoft365Entitlements(graph, exchange),
        "mail": Microsoft365Mail(exchange, graph),
        "mail_flow": Microsoft365MailFlow(exchange, graph),
        "managed_devices": Microsoft365ManagedDevices(graph),
        "telephony": Microsoft365Telephony(graph),
        "logs": Microsoft365Logs(graph),
        "applications": applications,
        "application_inventory": Microsoft365ApplicationInventory(graph, applications),
        "directory": Microsoft365Directory(graph, own.tenant_id),
        "directory_logs": Microsoft365DirectoryLogs(graph),
        "directory_settings": Microsoft365DirectorySettings(graph),
        "security_alerts": Microsoft365SecurityAlerts(graph),
        "workspace_backup": Microsoft365WorkspaceBackup(graph),
    }
    return Microsoft365Handle(own, http, tokens, graph, capabilities, home)


def _canonical(value: str) -> str | None:
    """A GUID as it is written in tokens; None where it is none."""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return None


PROVIDER: Final = Microsoft365Provider()
