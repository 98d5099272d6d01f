"""The message sink as a provider: vendor ``sink``, capability ``messenger``.

In a tenant's file::

    providers:
      sink:
        vendor: sink
        settings: {base_url: "http://127.0.0.1:8080/sink"}
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

    from integrations.http import Http, Limits
    from integrations.sink.messenger import SinkMessenger

__all__ = ["PROVIDER", "Settings", "SinkHandle", "SinkProvider"]

VENDOR: Final = "sink"


class Settings(BaseModel):
    """The ``settings`` block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: Annotated[str, AfterValidator(plain_address)] = Field(
        description="Address of the sink, to which /messages is appended"
    )


class SinkHandle:
    """The sink, opened for one tenant."""

    def __init__(self, http: Http, messenger: SinkMessenger) -> None:
        self._http = http
        self._messenger = messenger

    def capability(self, name: str) -> Any:
        """``messenger``. Raises OutOfScope for any other."""
        if name != "messenger":
            raise OutOfScope(f"{VENDOR} does not offer {name!r}", vendor=VENDOR)
        return self._messenger

    async def check(self) -> ProviderCheck:
        """Whether the sink answers to the token."""
        from integrations.bearer import checked

        async def probe() -> dict[str, Any]:
            await self._messenger.sent("tenantry-check")
            return {}

        return await checked(self._http, probe())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class SinkProvider:
    """The vendor, for the assembly."""

    vendor = VENDOR
    capabilities = ("messenger",)
    Settings: type[BaseModel] = Settings
    secrets = ("token",)

    async def open(
        self,
        settings: Any,
        secrets: SecretSource,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: Limits | None = None,
        sleep: Any = None,
    ) -> SinkHandle:
        """A handle; arguments as for Microsoft 365's."""
        # Imported here, so that naming the vendor and checking a tenant's file load no HTTP client.
        from integrations.bearer import TokenHeader
        from integrations.http import Http
        from integrations.sink.messenger import SinkMessenger

        own = Settings.model_validate(settings)
        http = await Http.open(
            VENDOR, own.base_url, limits=limits, transport=transport, **({"sleep": sleep} if sleep is not None else {})
        )
        return SinkHandle(http, SinkMessenger(http, TokenHeader(secrets), own.base_url))


PROVIDER: Final = SinkProvider()
