"""The lab's cloud account as a provider: vendor ``lab``. (Its directory and mailboxes are reached through ``microsoft365``.)

In a tenant's file, as `tenantry lab --tenant` writes it::

    providers:
      cloud:
        vendor: lab
        settings: {base_url: "http://127.0.0.1:8080/cloud"}
        secrets: {token: vault:lab/cloud-token}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tenantry.providers import SecretSource

if TYPE_CHECKING:
    import httpx

    from integrations.http import Limits
    from integrations.lab.cloud import LabCloudHandle

__all__ = ["PROVIDER", "LabProvider", "Settings"]

VENDOR: Final = "lab"


class Settings(BaseModel):
    """The ``settings`` block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(description="Address of the account, to which the capability and method are appended")

    @field_validator("base_url")
    @classmethod
    def _on_this_machine(cls, value: str) -> str:
        found = urlsplit(value)
        loopback = found.hostname in ("127.0.0.1", "::1", "localhost", "lab.invalid")
        if not loopback:
            raise ValueError("a lab listens on this machine alone")
        return value.rstrip("/")


class LabProvider:
    """The vendor, for the assembly."""

    vendor = VENDOR
    capabilities = ("cloud_identity", "cloud", "cloud_machines", "storage", "dns", "backup", "cloud_logs", "findings")
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
    ) -> LabCloudHandle:
        """A handle; arguments as for Microsoft 365's."""
        # Imported here, so that naming the vendor and checking a tenant's file load no HTTP client.
        from integrations.http import Http
        from integrations.lab.cloud import LabCloudHandle

        own = Settings.model_validate(settings)
        http = await Http.open(
            VENDOR, own.base_url, limits=limits, transport=transport, **({"sleep": sleep} if sleep is not None else {})
        )
        return LabCloudHandle(http, secrets, own.base_url)


PROVIDER: Final = LabProvider()
