"""Microsoft 365: an application that is registered in the client's own tenant, with a certificate whose key never leaves the vault; or the
MSP's own application, to which the client consents (`console/connecting/m365_shared.py`)."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretBytes, ValidationError

from console.connecting import Connecting, Sheet, addresses, needed, set_entry, together, verify
from tenantry.errors import Conflict, InvalidInput, PermissionMissing, ProviderError
from tenantry.journal import Event
from tenantry.names import MSP
from tenantry.secretlife import NOTICE

if TYPE_CHECKING:
    from console.session import Actor
    from flows.assembly import Installation

__all__ = ["Wanted", "agreed_to", "asked_by_ours", "connect", "delegated", "settings_of"]

_VENDOR: Final = "microsoft365"
_CERTIFICATE: Final = "m365-certificate.pem"
_APPLICATION: Final = "m365-application.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for.

    Attributes:
        directory: the client's directory (tenant) id; needed until the client's file says it.
        client_id: of the registration, once there is one.
        stand_in: address of a lab that plays Microsoft's services.
        runbooks: for these alone; for all of them when empty.
        shared: through the MSP's own application in estate.yaml, instead of one that the client registers.
    """

    provider: str = "m365"
    directory: str | None = None
    client_id: str | None = None
    cloud: str = "global"
    stand_in: str | None = None
    runbooks: tuple[str, ...] = ()
    shared: bool = False


def connect(installation: Installation, tenant: str, wanted: Wanted, by: Actor) -> Connecting:
    """Everything that can be done now.

    Raises:
        InvalidInput: an id that is none, or the directory is not known yet.
        Conflict: the tenant's file has another vendor, directory or application under this name.
        InvalidTenant: the MSP's own application was asked for, and estate.yaml has none.
    """
    from console.connecting import m365_shared

    if wanted.shared or m365_shared.used(installation, tenant, wanted.provider):
        return m365_shared.connect(installation, tenant, wanted, by)
    return _registered(installation, tenant, wanted, by)


def _registered(installation: Installation, tenant: str, wanted: Wanted, by: Actor) -> Connecting:
    from integrations.microsoft365.connecting import (
        application,
        registration_lines,
    )
    from integrations.microsoft365.provider import PROVIDER

    found = Connecting(tenant, _VENDOR, wanted.provider)
    names = needed(installation, _VENDOR, wanted.runbooks)
    settings = _settings(installation, tenant, wanted)
    _, graph, _ = settings.addresses
    public = _certificate(installation, found, settings, wanted.stand_in, by)
    if public is not None:
        made = application(names, public)
        found.sheets.append(
            Sheet(_CERTIFICATE, "The certificate: its public half, for whoever wants to see it", public.decode())
        )
        found.sheets.append(
            Sheet(_APPLICATION, f"The registration, with {len(names)} permissions", json.dumps(made, indent=2) + "\n")
        )
    known = str(settings.client_id) != _NOBODY
    if not known:
        lines = registration_lines(graph, settings.tenant_id, _APPLICATION)
        found.sheets.append(Sheet("m365-register.sh", "The client's administrator registers it, once", lines))
        found.say("registration", "theirs", "the client registers the application; then give this command --client-id")
    else:
        block = _block(settings, wanted, tenant)
        if _present(installation, tenant, wanted.provider) is None:
            set_entry(installation, found, "providers", block, by)
        found.say("registration", "done", f"registered as {settings.client_id}")
        found.sheets.extend(agreed_to(settings, names))
    asyncio.run(delegated(installation, found, settings.tenant_id))
    if known:
        asyncio.run(verify(installation, found, names))
    found.endpoints, found.callers = addresses(installation, installation.tenants.get(tenant))
    if not known:
        found.endpoints = together(PROVIDER.endpoints(settings))
    return found


def agreed_to(settings: Any, names: Collection[str]) -> Iterator[Sheet]:
    """What the client's administrators open and run so that an application works in their directory.

    Args:
        settings: of the provider, with the client's directory.
        names: permissions that it needs.
    """
    from integrations.microsoft365.connecting import consent_address, exchange_lines

    login, _, _ = settings.addresses
    yield Sheet(
        "m365-consent.txt",
        "A Privileged Role Administrator of the client opens this address and consents",
        consent_address(login, settings.tenant_id, settings.client_id) + "\n",
    )
    if any(name.startswith("Exchange.") for name in names):
        yield Sheet(
            "m365-exchange.ps1",
            "An Exchange administrator of the client runs this, once",
            exchange_lines(settings.client_id),
        )


def settings_of(said: Mapping[str, Any]) -> Any:
    """A provider's settings, checked. Raises ValidationError."""
    from integrations.microsoft365.provider import Settings

    return Settings.model_validate(dict(said))


def asked_by_ours(names: Collection[str]) -> Sheet:
    """What the MSP's own registration asks for, before a client consents to it."""
    from integrations.microsoft365.connecting import own_registration

    title = f"Ours: the {len(names)} permissions that our own registration asks for, before the client consents"
    return Sheet("m365-permissions.json", title, json.dumps(own_registration(names), indent=2) + "\n")


async def delegated(installation: Installation, found: Connecting, directory: str) -> None:
    """Propose the relationship where estate.yaml has the MSP's own partner tenant, hand it to the client, and look at it. An application
    that serves clients need not be the partner's: where it may not propose, what is printed is proposed by hand."""
    from integrations.microsoft365.connecting import GDAP_ROLES, gdap
    from integrations.microsoft365.partner import approval_address
    from integrations.microsoft365.provider import PROVIDER

    wanted = gdap(found.tenant, directory)
    text = json.dumps(wanted, indent=2) + "\n"
    title = "GDAP for the MSP's people: POST /tenantRelationships/delegatedAdminRelationships"
    found.sheets.append(Sheet("m365-gdap.json", title, text))
    handles = installation.tenants.get(found.tenant).estate_handles
    partners = [(key in handles, one) for key, one in installation.estate.providers.items() if one.vendor == _VENDOR]
    if not partners:
        return  # what is printed is proposed by hand
    serves, config = min(partners, key=lambda pair: pair[0])

    async def secret(name: str) -> SecretBytes:
        if name not in config.secrets:
            raise InvalidInput(f"the partner's provider names no secret {name!r}", place="estate.yaml")
        purpose = "the MSP's own partner tenant"
        return await asyncio.to_thread(
            installation.vault.resolve, config.secrets[name], for_tenant=MSP, purpose=purpose
        )

    handle = await PROVIDER.open(config.settings, secret)
    try:
        present = await handle.partner.relationship(directory)
        if present is None:
            present = await handle.partner.propose(wanted)
        if present.status == "created":
            await handle.partner.hand_over(present.id)
    except PermissionMissing as error:
        if not serves:
            found.say("gdap", "failed", f"{error.message}. {error.remedy}")
        return
    except ProviderError as error:
        found.say("gdap", "failed", f"{error.message}. {error.remedy}")
        return
    finally:
        await handle.aclose()
    if present.status in ("created", "approvalPending"):
        found.say("gdap", "theirs", f"a Global Administrator of the client approves it: {approval_address(present.id)}")
        return
    names = {role: name for name, role in GDAP_ROLES.items()}
    more, less = sorted(present.roles - names.keys()), sorted(names[role] for role in names.keys() - present.roles)
    if more:
        found.say("gdap", "failed", f"it gives more than people need: roles {', '.join(more)}")
    elif less:
        found.say("gdap", "failed", f"it lacks {', '.join(less)}")
    else:
        found.say("gdap", "done", f"the delegated relationship is {present.status}, with {', '.join(GDAP_ROLES)}")


_NOBODY: Final = str(uuid.UUID(int=0))
"""In the place of the application's id while there is none."""


def _present(installation: Installation, tenant: str, key: str) -> Any:
    return installation.tenants.get(tenant).providers.get(key)


def _settings(installation: Installation, tenant: str, wanted: Wanted) -> Any:
    """As the file has them, or as they will stand there."""
    from integrations.microsoft365.provider import Settings

    present = _present(installation, tenant, wanted.provider)
    if present is not None:
        if present.vendor != _VENDOR:
            raise Conflict(
                f"providers.{wanted.provider} of {tenant} is of {present.vendor}",
                remedy="Choose another name with --provider.",
            )
        settings = Settings.model_validate(dict(present.settings))
        for option, given, has in (
            ("--directory", wanted.directory, settings.tenant_id),
            ("--client-id", wanted.client_id, settings.client_id),
        ):
            if given is not None and given.lower() != has:
                raise Conflict(f"the file of {tenant} says {has}", remedy=f"Edit the file, or leave {option} out.")
        return settings
    begun = _begun(installation, tenant, wanted.provider)
    directory = wanted.directory or begun.get("directory")
    if directory is None:
        raise InvalidInput("is needed until the client's file says it", place="--directory")
    base = wanted.stand_in or begun.get("stand_in")
    stand_in = {f"{name}_url": f"{base.rstrip('/')}/{name}" for name in ("login", "graph", "exchange")} if base else {}
    try:
        return Settings.model_validate(
            {
                "tenant_id": directory,
                "client_id": wanted.client_id or _NOBODY,
                "credential": "certificate",
                "cloud": wanted.cloud,
                **stand_in,
            }
        )
    except ValidationError as error:
        options = {"tenant_id": "--directory", "client_id": "--client-id", "cloud": "--cloud"}
        first = error.errors(include_input=False, include_url=False)[0]
        raise InvalidInput("is not valid here", place=options.get(str(first["loc"][0]), "--stand-in")) from None


def _block(settings: Any, wanted: Wanted, tenant: str) -> dict[str, Any]:
    said = settings.model_dump(mode="json", exclude_defaults=True)
    return {
        "vendor": _VENDOR,
        "settings": {**said, "credential": "certificate"},
        "secrets": {"certificate": f"vault:{tenant}/{_name(wanted.provider)}"},
    }


def _name(provider: str) -> str:
    return f"{provider}/certificate"


def _begun(installation: Installation, tenant: str, provider: str) -> Mapping[str, str]:
    """What an earlier call was told; it stands beside the certificate."""
    stored = installation.vault.versions(tenant, _name(provider))
    return stored[0].metadata if stored else {}


def _certificate(
    installation: Installation, found: Connecting, settings: Any, stand_in: str | None, by: Actor
) -> bytes | None:
    """The public half; the certificate is made where there is none. None where the file says that a secret signs in."""
    from integrations.microsoft365.credentials import new_certificate, public_half

    tenant, vault = found.tenant, installation.vault
    present = _present(installation, tenant, found.provider)
    if present is not None and settings.credential != "certificate":
        found.say("certificate", "done", "signs in with a client secret, as the file says")
        return None
    name = present.secrets["certificate"].name if present is not None else _name(found.provider)
    if not vault.versions(tenant, name):
        made = new_certificate(f"Tenantry {tenant}")
        _, mark, expires = public_half(made)
        metadata = {"thumbprint": mark, "directory": settings.tenant_id}
        if stand_in is not None:
            metadata["stand_in"] = stand_in
        stored = vault.put(
            *(tenant, name, made),
            kind="certificate",
            expires_at=expires,
            rotate_at=expires - NOTICE,
            metadata=metadata,
            expect=0,
        )
        payload = {"name": name, "version": stored.version, "kind": "certificate", "by": by.as_dict()}
        installation.journal.append(tenant, [Event("vault.put", payload)])
    value: SecretBytes = vault.get(tenant, name, purpose="the public half of the certificate")
    public, mark, expires = public_half(value)
    found.say("certificate", "done", f"vault:{tenant}/{name}, thumbprint {mark}, until {expires:%Y-%m-%d}")
    return public
