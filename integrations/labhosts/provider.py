"""The lab's Linux hosts as a provider: vendor ``labhosts``, capabilities ``host`` and ``host_backup``. In a drill it also stands in for ``linux``.

In a tenant's file::

    providers:
      hosts:
        vendor: labhosts
        settings: {base_url: "http://127.0.0.1:8080"}
        secrets: {token: vault:lab/sink-token}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from integrations.address import plain_address
from tenantry.errors import OutOfScope
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

    base_url: Annotated[str, AfterValidator(plain_address)] = Field(description="Address of the lab")


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
        from integrations.bearer import checked

        async def probe() -> dict[str, Any]:
            return {"hosts": [host.id for host in await self._hosts.hosts()]}

        return await checked(self._http, probe())

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
        from integrations.bearer import TokenHeader
        from integrations.http import Http
        from integrations.labhosts.backups import LabHostBackups
        from integrations.labhosts.client import LabHosts

        own = Settings.model_validate(settings)
        http = await Http.open(VENDOR, own.base_url, transport=transport)
        given = (http, TokenHeader(secrets), own.base_url)
        return LabHandle(http, LabHosts(*given), LabHostBackups(*given))


PROVIDER: Final = LabProvider()
