"""Whether the MSP's own credentials are as they should be: those that reach all clients at once, and can be looked at by themselves.

A client's check-up tries what reaches that client, and says nothing of what the credential can do elsewhere: that is the MSP's own matter.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from console.checkup import looked, secrets_due, warnings_of
from flows.estate import EstateAccess
from flows.needs import too_much
from tenantry.errors import TenantryError
from tenantry.names import MSP
from tenantry.providers import EstateHandle, Handle, JudgesEstate

if TYPE_CHECKING:
    from flows.assembly import Installation

__all__ = ["check", "least_privilege"]


async def check(installation: Installation) -> dict[str, Any]:
    """Everything that is known of the estate's own credentials.

    Returns:
        JSON, as `console.checkup.check` of a client, without runbooks and people. What a credential may do beyond what it is for
        is among ``problems``: it is the key of every client.
    """
    clients, unread = await asyncio.to_thread(_clients, installation)
    estate = EstateAccess(installation)
    try:
        checked = await asyncio.gather(
            *(_one(installation, estate, key, clients.get(key, [])) for key in _own(installation))
        )
    finally:
        await estate.aclose()
    expired, secrets = await asyncio.to_thread(secrets_due, installation, MSP)
    problems = [*unread, *expired]
    for found in checked:
        problems += [f"{found['name']}: {problem}" for problem in found["problems"]]
        problems += [f"{found['name']}: {_too_much(one)}" for one in found["over_privileged"]]
    warnings = [
        f"{found['name']}: {said}" for found in checked for said in warnings_of(found | {"over_privileged": []})
    ]
    return {
        "tenant": MSP,
        "ok": not problems,
        "providers": list(checked),
        "runbooks": [],
        "contacts": [],
        "clocks": [],
        "people": [],
        "problems": problems,
        "warnings": [*warnings, *secrets],
    }


async def _one(
    installation: Installation, estate: EstateAccess, key: str, clients: list[dict[str, Any]]
) -> dict[str, Any]:
    async def opened() -> Handle:
        handle = await estate.handle(key, clients)
        if handle is None:
            raise TenantryError(f"{key} is not looked at by itself")
        return handle

    found = await looked(key, installation.estate.providers[key].vendor, "estate", [], opened)
    wanted: frozenset[str] = frozenset()
    if found["signed_in"]:
        handle = await estate.handle(key)
        wanted = handle.wanted if isinstance(handle, EstateHandle) else wanted
    return found | {"over_privileged": too_much(found["direct"], found["wider"], set(wanted))}


def _too_much(one: dict[str, Any]) -> str:
    instead = ", ".join(one["instead"])
    return f"{one['name']} is more than it is for" + (f"; grant {instead} instead" if instead else "")


def least_privilege(installation: Installation) -> list[dict[str, Any]]:
    """What each of the estate's own credentials is to be granted and no more. Signs in nowhere.

    Returns:
        JSON: as `console.checkup.least_privilege`.
    """
    clients, _ = _clients(installation)
    documents: list[dict[str, Any]] = []
    for key in _own(installation):
        config = installation.estate.providers[key]
        provider = installation.providers.get(config.vendor)
        if isinstance(provider, JudgesEstate):
            made = provider.estate_privilege(config.settings, config.secrets, clients.get(key, []))
            named = {"provider": key, "vendor": config.vendor, **asdict(made)}
            documents.append(named | {"names": list(made.names)})
    return documents


def _own(installation: Installation) -> list[str]:
    """Providers of estate.yaml whose credential can be looked at by itself; of the others each client's check-up tells."""
    return [
        key
        for key, config in installation.estate.providers.items()
        if isinstance(installation.providers.get(config.vendor), JudgesEstate)
    ]


def _clients(installation: Installation) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Provider of estate.yaml → settings of each client that is reached through it; and whose file could not be read."""
    found: dict[str, list[dict[str, Any]]] = {}
    unread = []
    for name in installation.tenants.names():
        try:
            tenant = installation.tenants.get(name)
        except TenantryError as error:
            unread.append(f"the file of {name} cannot be read, so what it is to reach is not known: {error.message}")
            continue
        for key, config in installation.estate.providers.items():
            if key in tenant.estate_handles:
                vendor = config.vendor
                found.setdefault(key, []).extend(
                    dict(one.settings) for one in tenant.providers.values() if one.vendor == vendor
                )
    return found, unread
