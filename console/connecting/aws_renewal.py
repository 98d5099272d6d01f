"""A client's role at AWS made anew, under a new external id: beside the old one, proven, taken into use, and only then the old one removed.

::

    --renew         a new name and external id, kept in the vault    the client's administrator makes the role from its template
    again           the new role is assumed and used                 the client's file names it, in one write
    again           the old role is tried                            the administrator removes it, until it is refused

The role is the client's, so we neither make nor remove it. Whatever ends a call half-way, the role that the file names is one that works.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretBytes

from console.connecting import Connecting, Sheet, set_entry
from tenantry.errors import InvalidInput, NotFound, SignInFailed
from tenantry.names import MSP
from tenantry.secretstore import CANDIDATES

if TYPE_CHECKING:
    from console.session import Actor
    from flows.assembly import Installation
    from integrations.aws.settings import HubSettings, Settings
    from tenantry.tenants import ProviderConfig

__all__ = ["Renewal", "begun", "carried", "removed", "stack_of"]

_KIND: Final = "aws_role"
_NUMBERED: Final = re.compile(r"(?P<stem>.*?)(?:-(?P<number>[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Renewal:
    """A role that is to take the place of another. None of it is secret; it lies in the vault because that survives everything.

    Attributes:
        role, external_id: the new one's.
        old_role, old_external_id: those that it replaces.
    """

    role: str
    external_id: str
    old_role: str
    old_external_id: str

    def new(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"role": self.role, "external_id": self.external_id})

    def old(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"role": self.old_role, "external_id": self.old_external_id})


def _name(provider: str) -> str:
    return f"{CANDIDATES}{provider}/role"


def begun(
    installation: Installation, tenant: str, provider: str, settings: Settings, *, renew: bool, role: str | None
) -> Renewal | None:
    """The renewal under way; a new one where it is asked for and there is none.

    Raises:
        InvalidInput: the new role is to be called as the old one is.
    """
    from integrations.aws.connecting import new_external_id

    try:
        kept = installation.vault.get(tenant, _name(provider), purpose="renewal of the AWS role")
        return Renewal(**json.loads(kept.get_secret_value()))
    except NotFound:
        if not renew:
            return None
    wanted = role or _next(settings.role)
    if wanted.lower() == settings.role.lower():
        raise InvalidInput("the new role needs another name than the present one", place="--role")
    made = Renewal(wanted, new_external_id(), settings.role, settings.external_id)
    text = json.dumps({name: getattr(made, name) for name in Renewal.__slots__})
    installation.vault.put(tenant, _name(provider), text, kind=_KIND, expect=0)
    return made


def carried(
    installation: Installation,
    found: Connecting,
    renewal: Renewal,
    settings: Settings,
    hub: HubSettings,
    needed: set[str],
    by: Actor,
) -> bool:
    """Take the new role into use if it works; whether the client's file names it."""
    if settings.role == renewal.role and settings.external_id == renewal.external_id:
        found.say("renewal", "done", f"{renewal.role} is in use")
        return True
    problem = asyncio.run(_proven(installation, renewal.new(settings), hub, needed))
    if problem is not None:
        found.say("renewal", "theirs", f"{renewal.role} is not ready, {renewal.old_role} stays in use: {problem}")
        return False
    config = installation.tenants.get(found.tenant).providers[found.provider]
    set_entry(installation, found, "providers", _block(config, renewal), by)
    found.say("renewal", "done", f"{renewal.role} was used and is in the client's file now")
    return True


def removed(
    installation: Installation, found: Connecting, renewal: Renewal, settings: Settings, hub: HubSettings
) -> None:
    """Once the new role is in use and signs in: whether the old one is refused. Then the renewal is forgotten.

    What refuses the old role is the client's account and not the hub's key, because the new role was just assumed with the same key.
    """
    if asyncio.run(_assumed(installation, renewal.old(settings), hub)):
        lines = (
            "aws cloudformation list-stacks --stack-status-filter CREATE_COMPLETE UPDATE_COMPLETE\n"
            f"# delete the stack that made the role {renewal.old_role}, or the role itself:\n"
            f"aws cloudformation delete-stack --stack-name {stack_of(renewal.old_role)} --region {settings.regions[0]}\n"
        )
        found.sheets.append(Sheet("aws-remove.sh", "The client's administrator removes the old role", lines))
        found.say("old_role", "theirs", f"{renewal.old_role} can still be assumed: it is to be removed")
        return
    installation.vault.delete(found.tenant, _name(found.provider))
    found.say("old_role", "done", f"{renewal.old_role} is refused")


def stack_of(role: str) -> str:
    """The name of the stack that makes a role, as our lines call it."""
    number = _parts(role)[1]
    return "Tenantry" if number is None else f"Tenantry-{number}"


async def _proven(installation: Installation, settings: Settings, hub: HubSettings, needed: set[str]) -> str | None:
    """Why the role cannot take the other's place; None: it can."""
    from integrations.aws.provider import PROVIDER
    from tenantry.providers import Estate

    estate = Estate(hub.model_dump(exclude_none=True), settings.account)
    handle = await PROVIDER.open(settings, _source(installation), estate=estate)
    try:
        checked = await handle.check()
    finally:
        await handle.aclose()
    if not checked.signed_in or checked.problems:
        return " ".join(checked.problems)
    missing = sorted(needed - checked.granted) if checked.granted is not None else []
    return f"not granted: {', '.join(missing)}" if missing else None


async def _assumed(installation: Installation, settings: Settings, hub: HubSettings) -> bool:
    """Whether a role can be assumed. Raises ProviderError: it could not be tried."""
    from integrations.aws.session import AccountSessions

    sessions = AccountSessions(settings, hub, _source(installation))
    try:
        await sessions.ready()
    except SignInFailed:
        return False
    finally:
        sessions.close()
    return True


def _source(installation: Installation) -> Any:
    config = next(one for one in installation.estate.providers.values() if one.vendor == "aws")

    async def secret(name: str) -> SecretBytes:
        if name not in config.secrets:
            raise InvalidInput(f"the hub in estate.yaml names no secret {name!r}", place="estate.yaml")
        return await asyncio.to_thread(
            installation.vault.resolve, config.secrets[name], for_tenant=MSP, purpose="renewal of a client's AWS role"
        )

    return secret


def _block(config: ProviderConfig, renewal: Renewal) -> dict[str, Any]:
    """As the client's file has it, with the new role."""
    said: dict[str, Any] = {"vendor": config.vendor}
    if config.capabilities is not None:
        said["capabilities"] = list(config.capabilities)
    said["settings"] = {**config.settings, "role": renewal.role, "external_id": renewal.external_id}
    if config.secrets:
        said["secrets"] = {name: str(reference) for name, reference in config.secrets.items()}
    return said


def _next(role: str) -> str:
    stem, number = _parts(role)
    return f"{stem}-{(number or 1) + 1}"


def _parts(role: str) -> tuple[str, int | None]:
    found = _NUMBERED.fullmatch(role)
    number = found["number"] if found is not None else None
    return (found["stem"] if found is not None else role), int(number) if number else None
