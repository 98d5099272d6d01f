"""Microsoft 365 through the MSP's own application: registered once, in the MSP's directory, for any organisation. The client consents to it, and
has neither a registration nor a secret of ours; estate.yaml has both, and the client's file what its directory is called."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from console.connecting import Connecting, addresses, needed, set_entry, verify
from tenantry.errors import Conflict, InvalidInput, InvalidTenant

if TYPE_CHECKING:
    from console.connecting.m365 import Wanted
    from console.session import Actor
    from flows.assembly import Installation
    from tenantry.tenants import ProviderConfig

__all__ = ["connect", "used"]

_VENDOR: Final = "microsoft365"
_OURS: Final = """providers:
  m365:
    vendor: microsoft365
    settings:
      tenant_id: THE MSP'S OWN DIRECTORY
      client_id: THE APPLICATION'S ID
      credential: certificate
    secrets:
      certificate: vault:_msp/m365-certificate"""


def used(installation: Installation, tenant: str, provider: str) -> bool:
    """Whether the client's file says so already, and has no provider of that name of its own."""
    file = installation.tenants.get(tenant)
    return provider not in file.providers and _serving(installation, tenant) is not None


def connect(installation: Installation, tenant: str, wanted: Wanted, by: Actor) -> Connecting:
    """Everything that can be done now.

    Raises:
        InvalidTenant: estate.yaml has no such application.
        InvalidInput: a directory that is none, or not known yet.
        Conflict: the client's file says another directory, or has a provider of its own under that name.
    """
    from console.connecting.m365 import agreed_to, asked_by_ours, delegated, settings_of

    key, config = _serving(installation, tenant) or _first(installation)
    found = Connecting(tenant, _VENDOR, key)
    names = needed(installation, _VENDOR, wanted.runbooks)
    file = installation.tenants.get(tenant)
    if key in file.providers:
        raise Conflict(
            f"providers.{key} of {tenant} is its own, and comes before the estate's",
            remedy="Take it out of the client's file, or go on with it without --shared.",
        )
    ours = settings_of(config.settings)
    if wanted.client_id is not None and wanted.client_id.lower() != ours.client_id:
        raise Conflict(f"estate.yaml says {ours.client_id}", remedy="Edit the file, or leave --client-id out.")
    present = file.estate_handles.get(key)
    directory = wanted.directory or present
    if directory is None:
        raise InvalidInput("is needed until the client's file says it", place="--directory")
    try:
        settings = settings_of({**ours.model_dump(), "tenant_id": directory, "accounts": {}})
    except ValidationError:
        raise InvalidInput("is not valid here", place="--directory") from None
    if present is not None and settings.tenant_id != present:
        raise Conflict(f"the file of {tenant} says {present}", remedy="Edit the file, or leave --directory out.")
    if settings.tenant_id == ours.tenant_id:
        raise InvalidInput("is the MSP's own directory, and no client's", place="--directory")
    if present is None:
        set_entry(
            installation, found, "estate_handles", settings.tenant_id, by, key=key
        )  # refused where it is another's
    found.say("registration", "done", f"our own application {ours.client_id}, registered in {ours.tenant_id}")
    found.sheets.append(asked_by_ours(names))
    found.sheets.extend(agreed_to(settings, names))
    asyncio.run(delegated(installation, found, settings.tenant_id))
    asyncio.run(verify(installation, found, names))
    found.endpoints, found.callers = addresses(installation, installation.tenants.get(tenant))
    return found


def _serving(installation: Installation, tenant: str) -> tuple[str, ProviderConfig] | None:
    """The estate's application that the client's file names a directory for."""
    handles = installation.tenants.get(tenant).estate_handles
    for key, config in installation.estate.providers.items():
        if config.vendor == _VENDOR and key in handles:
            return key, config
    return None


def _first(installation: Installation) -> tuple[str, ProviderConfig]:
    for key, config in installation.estate.providers.items():
        if config.vendor == _VENDOR:
            return key, config
    raise InvalidTenant(
        "estate.yaml has no application of ours for Microsoft 365",
        remedy=f"Store its certificate and key with `tenantry vault put --tenant _msp m365-certificate`, and write:\n{_OURS}",
    )
