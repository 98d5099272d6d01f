"""AWS: a role in the client's account that trusts the MSP's hub alone, under an external id of the client's own."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretBytes, ValidationError

from console.connecting import Connecting, Sheet, addresses, needed, set_entry, verify
from console.connecting.aws_renewal import begun, carried, removed, stack_of
from tenantry.errors import Conflict, InvalidInput, InvalidTenant, ProviderError, Refused
from tenantry.names import MSP

if TYPE_CHECKING:
    from console.session import Actor
    from flows.assembly import Installation
    from tenantry.tenants import ProviderConfig

__all__ = ["Wanted", "connect"]

_VENDOR: Final = "aws"
_TEMPLATE: Final = "aws-role.json"
_HUB: Final = """providers:
  aws:
    vendor: aws
    secrets:
      key: vault:_msp/aws-key"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for.

    Attributes:
        account: the client's account id; needed until the client's file says it, as ``regions``.
        renew: have another role, under another external id, take the present one's place.
        hub: resource name of the MSP's user or role that assumes clients' roles; None: as the hub's credential says itself.
    """

    provider: str = "aws"
    account: str | None = None
    regions: tuple[str, ...] = ()
    role: str | None = None
    hub: str | None = None
    runbooks: tuple[str, ...] = ()
    renew: bool = False


def connect(installation: Installation, tenant: str, wanted: Wanted, by: Actor) -> Connecting:
    """Everything that can be done now. The external id is made with the first call, and stays.

    Raises:
        InvalidTenant: estate.yaml names no hub.
        InvalidInput: an account, region or role that is none, or not known yet.
        Conflict: the tenant's file has another vendor or account under this name.
        ProviderError: who the hub is could not be asked.
    """
    from integrations.aws.connecting import permissions, role_lines, template, trust
    from integrations.aws.settings import HubSettings

    found = Connecting(tenant, _VENDOR, wanted.provider)
    key, hub_config = _hub(installation)
    hub = HubSettings.model_validate(dict(hub_config.settings))
    names = needed(installation, _VENDOR, wanted.runbooks)
    settings, block = _settings(installation, tenant, wanted)
    handle = installation.tenants.get(tenant).estate_handles.get(key)
    if handle not in (None, settings.account):
        raise Conflict(
            f"estate_handles.{key} of {tenant} is the account {handle}", remedy="A client has one account there."
        )
    if handle is None:
        set_entry(
            installation, found, "estate_handles", settings.account, by, key=key
        )  # refused where it is another client's
    if block is not None:
        set_entry(installation, found, "providers", block, by)
    renewal = begun(
        installation, tenant, wanted.provider, settings, renew=wanted.renew and block is None, role=wanted.role
    )
    in_use = renewal is not None and carried(installation, found, renewal, settings, hub, names, by)
    if renewal is not None:
        settings = renewal.new(settings)  # what is handed over is the new one's
    found.say("external_id", "done", f"{settings.external_id}, this client's alone")
    principal = wanted.hub or hub.hub_role or asyncio.run(_principal(installation, hub_config, hub, settings))
    second = hub.mfa_serial is not None and hub.hub_role is None
    found.say("hub", "done", f"{principal} assumes it" + (", with its second factor" if second else ""))
    documents = (
        (
            _TEMPLATE,
            "The role, as a CloudFormation template",
            template(principal, settings, names, second_factor=second),
        ),
        (
            "aws-trust.json",
            "Its trust policy alone",
            json.dumps(trust(principal, settings, second_factor=second), indent=2) + "\n",
        ),
        (
            "aws-permissions.json",
            f"What it may do: {len(names)} actions",
            json.dumps(permissions(settings, names), indent=2) + "\n",
        ),
        (
            "aws-create.sh",
            "The client's administrator makes the role, once",
            role_lines(settings, _TEMPLATE, stack_of(settings.role)),
        ),
    )
    found.sheets.extend(Sheet(*document) for document in documents)
    asyncio.run(verify(installation, found, names))
    if renewal is not None and in_use and found.check is not None and found.check["signed_in"]:
        removed(installation, found, renewal, settings, hub)
    found.endpoints, found.callers = addresses(installation, installation.tenants.get(tenant))
    return found


def _hub(installation: Installation) -> tuple[str, ProviderConfig]:
    for key, config in installation.estate.providers.items():
        if config.vendor == _VENDOR:
            return key, config
    raise InvalidTenant(
        "estate.yaml names no AWS hub",
        remedy=f"Store its key with `tenantry vault put --tenant _msp aws-key`, and write:\n{_HUB}",
    )


def _settings(installation: Installation, tenant: str, wanted: Wanted) -> tuple[Any, dict[str, Any] | None]:
    """As the file has them; or new ones, and the block for the file."""
    from integrations.aws.connecting import ROLE, new_external_id
    from integrations.aws.settings import Settings

    present = installation.tenants.get(tenant).providers.get(wanted.provider)
    if present is not None:
        if present.vendor != _VENDOR:
            raise Conflict(
                f"providers.{wanted.provider} of {tenant} is of {present.vendor}",
                remedy="Choose another name with --provider.",
            )
        settings = Settings.model_validate(dict(present.settings))
        for option, given, has in (
            ("--account", wanted.account, settings.account),
            ("--role", None if wanted.renew else wanted.role, settings.role),
        ):
            if given is not None and given != has:
                raise Conflict(f"the file of {tenant} says {has}", remedy=f"Edit the file, or leave {option} out.")
        return settings, None
    lacking = [option for option, given in (("--account", wanted.account), ("--region", wanted.regions)) if not given]
    if lacking:
        raise InvalidInput("is needed until the client's file says it", place=lacking[0])
    said = {
        "account": wanted.account,
        "role": wanted.role or ROLE,
        "external_id": new_external_id(),
        "regions": list(wanted.regions),
    }
    try:
        settings = Settings.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        option = {"regions": "--region"}.get(str(first["loc"][0]), f"--{first['loc'][0]}")
        raise InvalidInput("is not valid here", place=option) from None
    return settings, {"vendor": _VENDOR, "settings": said}


async def _principal(installation: Installation, config: ProviderConfig, hub: Any, settings: Any) -> str:
    """Who the hub's credential is, as it says itself."""
    from integrations.aws.session import AccountSessions

    async def secret(name: str) -> SecretBytes:
        if name not in config.secrets:
            raise InvalidInput(f"the hub in estate.yaml names no secret {name!r}", place="estate.yaml")
        return await asyncio.to_thread(
            installation.vault.resolve, config.secrets[name], for_tenant=MSP, purpose="who the AWS hub is"
        )

    sessions = AccountSessions(settings, hub, secret)
    try:
        arn = (await sessions.hub()).arn
    except ProviderError as error:
        raise type(error)(
            f"who the hub is could not be asked: {error.message}", remedy="Name it with --hub ARN.", **error.detail
        ) from error
    finally:
        sessions.close()
    if arn.endswith(":root"):
        raise Refused(
            "the hub's key is the root user's", remedy="Give the hub a user or a role of its own, and store its key."
        )
    return arn
