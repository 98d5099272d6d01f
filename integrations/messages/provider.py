"""Messages as a provider: vendor ``messages``, capability ``messenger``, over mail, Microsoft Teams or Slack.

For all clients, in ``estate.yaml``; a client's file then names it under ``estate_handles``::

    providers:
      mail:
        vendor: messages
        settings: {via: smtp, host: smtp.msp.example, user: incident, sender: incident@msp.example, sender_name: MSP}
        secrets: {password: vault:_msp/smtp-password}
      war_room:
        vendor: messages
        settings: {via: teams}
        secrets: {webhook: vault:_msp/teams-webhook}

    estate_handles: {mail: Acme, war_room: Acme}     # in tenants/acme.yaml

Or for one client alone, in its own file with its own secrets.

The promise: a handle that was opened for one client writes mail to that client's contacts and to nobody else, and whatever it posts to a channel
that several clients share says whose it is. Mail goes over TLS that verifies, or not at all.

Needs: for mail, an account that may send as ``sender``; for channels, their webhook and nothing else.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from tenantry.errors import OutOfScope, ProviderError, SignInFailed
from tenantry.providers import Client, ProviderCheck, SecretSource

if TYPE_CHECKING:
    import httpx

    from integrations.http import Http, Limits
    from integrations.messages.smtp import SmtpMessenger
    from integrations.messages.webhook import WebhookMessenger

__all__ = ["PROVIDER", "MessagesHandle", "MessagesProvider", "Settings"]

VENDOR: Final = "messages"

_Address = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$")]
_PORTS: Final = {"implicit": 465, "starttls": 587}


class Settings(BaseModel):
    """The ``settings`` block. All but ``via`` are of mail alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    via: Literal["smtp", "teams", "slack"] = Field(description="Mail over SMTP, or a channel's webhook")
    host: str | None = Field(
        None, pattern=r"^[A-Za-z0-9._-]{1,253}$", description="The relay's name, as its certificate has it"
    )
    port: int | None = Field(
        None, ge=1, le=65_535, description="465 for implicit, 587 for starttls, unless said otherwise"
    )
    security: Literal["implicit", "starttls"] = Field(
        "implicit", description="TLS from the first byte (RFC 8314), or by STARTTLS; there is nothing without"
    )
    user: str | None = Field(None, max_length=320, description="Signs in with the secret `password`")
    sender: _Address | None = Field(None, description="Address that messages come from")
    sender_name: str = Field("", max_length=100, description="Name beside it, as clients know the MSP")
    authorities: str | None = Field(
        None,
        max_length=50_000,
        description="PEM of the authorities of the relay's certificate; the public ones when empty",
    )

    @field_validator("host")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        try:
            ipaddress.ip_address(value or "")
        except ValueError:
            return value
        raise ValueError("must be a name: a certificate proves names")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        of_mail = {"host", "port", "security", "user", "sender", "sender_name", "authorities"}
        if self.via == "smtp":
            missing = [name for name in ("host", "sender") if getattr(self, name) is None]
            if missing:
                raise ValueError(f"via smtp needs {' and '.join(missing)}")
        elif given := sorted(of_mail & self.model_fields_set):
            raise ValueError(f"via {self.via} takes no {', '.join(given)}")
        return self


class MessagesHandle:
    """One way to write to people, opened for one tenant."""

    def __init__(self, via: str, messenger: SmtpMessenger | WebhookMessenger, http: Http | None) -> None:
        self._via = via
        self._messenger = messenger
        self._http = http

    def capability(self, name: str) -> Any:
        """``messenger``. Raises OutOfScope for any other."""
        if name != "messenger":
            raise OutOfScope(f"{VENDOR} does not offer {name!r}", vendor=VENDOR)
        return self._messenger

    async def check(self) -> ProviderCheck:
        """Mail: sign in, and have the sender accepted; nothing is sent. Channels cannot be tried without a message, so only
        their address is looked at, and ``signed_in`` stays unknown."""
        from integrations.messages.smtp import SmtpMessenger

        messenger = self._messenger
        try:
            if isinstance(messenger, SmtpMessenger):
                facts = await messenger.probe()
            else:
                await messenger.address()
                return ProviderCheck(
                    signed_in=None,
                    granted=None,
                    facts={"via": self._via, "tried": "a webhook is tried by a message alone"},
                )
        except ProviderError as error:
            return ProviderCheck(
                signed_in=False,
                granted=None,
                problems=(f"{error.message}. {error.remedy}",),
                facts={"via": self._via},
                reachable=isinstance(error, SignInFailed) or None,
                refused=isinstance(error, SignInFailed),
                tried={"password": False if isinstance(error, SignInFailed) else None},
            )
        expires: datetime = facts["certificate_expires"]
        return ProviderCheck(
            signed_in=True,
            granted=None,
            facts={"via": self._via, "tls": facts["tls"]},
            reachable=True,
            expiries={"the relay's certificate": expires},
            tried={"password": True},
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()


class MessagesProvider:
    """The vendor, for the assembly."""

    vendor = VENDOR
    capabilities = ("messenger",)
    Settings: type[BaseModel] = Settings
    secrets = ("password", "webhook")

    @staticmethod
    def channels(settings: Any) -> tuple[str, ...]:
        """Which channels a block of settings carries."""
        via = settings.get("via") if isinstance(settings, dict) else settings.via
        return ("mail",) if via == "smtp" else ("chat",)

    async def open(
        self,
        settings: Any,
        secrets: SecretSource,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: Limits | None = None,
        sleep: Any = None,
    ) -> MessagesHandle:
        """A handle of a tenant's own; arguments as for Microsoft 365's."""
        return await self._opened(None, settings, secrets, transport, limits, sleep)

    async def open_for(
        self,
        client: Client,
        settings: Any,
        secrets: SecretSource,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: Limits | None = None,
        sleep: Any = None,
    ) -> MessagesHandle:
        """A handle of the estate's, pinned to one client."""
        return await self._opened(client, settings, secrets, transport, limits, sleep)

    async def _opened(
        self,
        client: Client | None,
        settings: Any,
        secrets: SecretSource,
        transport: httpx.AsyncBaseTransport | None,
        limits: Limits | None,
        sleep: Any,
    ) -> MessagesHandle:
        # Imported here, so that naming the vendor and checking a tenant's file load no HTTP client.
        from integrations.http import Http
        from integrations.messages.slack import SLACK
        from integrations.messages.smtp import Relay, SmtpMessenger
        from integrations.messages.teams import TEAMS
        from integrations.messages.webhook import WebhookMessenger

        own = Settings.model_validate(settings)
        if own.via == "smtp":
            relay = Relay(
                host=own.host or "",
                port=own.port or _PORTS[own.security],
                implicit=own.security == "implicit",
                sender=own.sender or "",
                sender_name=own.sender_name,
                user=own.user,
                authorities=own.authorities,
            )
            return MessagesHandle(own.via, SmtpMessenger(relay, secrets, client), None)
        http = await Http.open(
            f"{VENDOR}-{own.via}",
            client.tenant if client is not None else "",
            limits=limits,
            transport=transport,
            **({"sleep": sleep} if sleep is not None else {}),
        )
        dialect = TEAMS if own.via == "teams" else SLACK
        label = client.handle if client is not None else ""
        return MessagesHandle(own.via, WebhookMessenger(http, dialect, secrets, label), http)


PROVIDER: Final = MessagesProvider()
