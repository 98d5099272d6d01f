"""The lab's Linux hosts as a provider: vendor ``labhosts``, capabilities ``host`` and ``host_backup``. In a drill it also stands in for ``linux``.

In a tenant's file::

    providers:
      hosts:
        vendor: labhosts
        settings: {base_url: "http://127.0.0.1:8080"}
        secrets: {token: vault:lab/sink-token}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tenantry.errors import OutOfScope, ProviderError, SignInFailed
from tenantry.providers import ProviderCheck, SecretSource

if TYPE_CHECKING:
    import httpx

    from integrations.http import Http
    from integrations.labhosts.backups import LabHostBackups
    from integrations.labhosts.client import LabHosts

__all__ = ["PROVIDER", "LabHandle", "LabProvider", "Settings"]

VENDOR: Final = "labhosts"


class Settings(BaseModel):
    """The ``settings`` block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(description="Address of the lab")

    @field_validator("base_url")
    @classmethod
    def _safe(cls, value: str) -> str:
        found = urlsplit(value)
        loopback = found.hostname in ("127.0.0.1", "::1", "localhost")
        if found.scheme != "https" and not (found.scheme == "http" and loopback):
            raise ValueError("must begin with https:// (http:// only on this machine)")
        return value.rstrip("/")


class LabHandle:
    """The lab's hosts, opened for one tenant."""

    def __init__(self, http: Http, hosts: LabHosts, backups: LabHostBackups) -> None:
        self._http = http
        self._hosts = hosts
        self._backups = backups

    def capability(self, name: str) -> Any:
        """``host`` and ``host_backup``. Raises OutOfScope for any other."""
        if name == "host_backup":
            return self._backups
        if name != "host":
            raise OutOfScope(f"{VENDOR} does not offer {name!r}", vendor=VENDOR)
        return self._hosts

    async def check(self) -> ProviderCheck:
        """Whether the lab answers to the token."""
        try:
            hosts = await self._hosts.hosts()
        except ProviderError as exc:
            signed_in = not isinstance(exc, SignInFailed)
            return ProviderCheck(
                signed_in=signed_in,
                granted=None,
                problems=(f"{exc.message}. {exc.remedy}",),
                reachable=self._http.answered,
            )
        return ProviderCheck(
            signed_in=True,
            granted=None,
            facts={"hosts": [host.id for host in hosts]},
            reachable=True,
            clock_skew=self._http.clock_skew,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class LabProvider:
    """The vendor, for the assembly."""

    vendor = VENDOR
    capabilities = ("host", "host_backup")
    Settings: type[BaseModel] = Settings
    secrets = ("token",)

    async def open(
        self, settings: Any, secrets: SecretSource, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> LabHandle:
        """A handle; arguments as for the message sink's."""
        # Imported here, so that naming the vendor and checking a tenant's file load no HTTP client.
        from integrations.http import Http
        from integrations.labhosts.backups import LabHostBackups
        from integrations.labhosts.client import LabHosts
        from integrations.sink.messenger import TokenHeader

        own = Settings.model_validate(settings)
        http = await Http.open(VENDOR, own.base_url, transport=transport)
        given = (http, TokenHeader(secrets), own.base_url)
        return LabHandle(http, LabHosts(*given), LabHostBackups(*given))


PROVIDER: Final = LabProvider()
