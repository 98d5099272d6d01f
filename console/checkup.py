"""Whether a tenant is ready before an incident needs it: sign-ins by use, permissions against every runbook, and the people
and periods that its file must name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from tenantry.errors import InvalidInput, InvalidRunbook, TenantryError

if TYPE_CHECKING:
    from flows.assembly import Installation, TenantContext
    from tenantry.runbook import Runbook
    from tenantry.task import Permission
    from tenantry.tenants import Tenant

__all__ = ["check"]

PATIENCE: Final = 60.0
"""Seconds that one provider may take."""

_TEAM: Final = ("incident_commander", "technical_lead", "communications")
"""Roles that any incident needs filled beforehand (NIST SP 800-61r3, RS.MA-01)."""
_OWN_CLOCKS: Final = frozenset({"contract", "insurer"})
"""Regimes whose period stands in the tenant's file instead of a clock file."""


async def check(installation: Installation, tenant: Tenant) -> dict[str, Any]:
    """Everything that is known of a tenant's readiness.

    Returns:
        JSON: ``ok``; ``providers`` (signed in, what is granted, problems); ``runbooks`` (for each: what it lacks, ``ready``
        true, false, or null where the vendor does not say what is granted); ``contacts``, ``clocks``, ``people`` (what is
        missing, in sentences); ``problems``, all of it in one list.
    """
    async with installation.access(tenant.name, "run") as context:
        names = list(tenant.providers)
        checked = await asyncio.gather(*(_provider(installation, context, tenant, name) for name in names))
    providers = dict(zip(names, checked, strict=True))
    runbooks = [_runbook(installation, tenant, providers, runbook_id) for runbook_id in installation.catalog.ids()]
    contacts, clocks, people = _contacts(tenant), _clocks(tenant), _people(installation, tenant)
    problems = [f"{p['name']}: {problem}" for p in checked for problem in p["problems"]]
    problems += [f"{r['id']}: {lack}" for r in runbooks for lack in r["missing"]]
    problems += [*contacts, *clocks, *people]
    if not tenant.providers:
        problems.insert(0, "the file names no provider: nothing can be read or done")
    return {
        "tenant": tenant.name,
        "ok": not problems,
        "providers": list(checked),
        "runbooks": runbooks,
        "contacts": contacts,
        "clocks": clocks,
        "people": people,
        "problems": problems,
    }


async def _provider(installation: Installation, context: TenantContext, tenant: Tenant, name: str) -> dict[str, Any]:
    config = tenant.providers[name]
    shown: dict[str, Any] = {
        "name": name,
        "vendor": config.vendor,
        "capabilities": [c for c, serving in _capabilities(installation, tenant).items() if serving == name],
        "signed_in": False,
        "granted": None,
        "problems": [],
        "facts": {},
    }
    try:
        async with asyncio.timeout(PATIENCE):
            handle = await context.handle(name)
            result = await handle.check()
    except TimeoutError:
        return shown | {"problems": [f"no answer within {PATIENCE:g} s"]}
    except ValidationError as error:
        # The settings are the provider's own; their values are not repeated.
        wrong = (f"settings.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        return shown | {"problems": list(wrong)}
    except TenantryError as error:
        return shown | {"problems": [f"{error.message}. {error.remedy}"]}
    return shown | {
        "signed_in": result.signed_in,
        "granted": None if result.granted is None else sorted(result.granted),
        "problems": list(result.problems),
        "facts": dict(result.facts),
    }


def _runbook(
    installation: Installation, tenant: Tenant, providers: Mapping[str, Mapping[str, Any]], runbook_id: str
) -> dict[str, Any]:
    """What one runbook lacks at this tenant."""
    shown: dict[str, Any] = {"id": runbook_id, "ready": True, "missing": [], "unknown": []}
    try:
        runbook = installation.catalog.get(runbook_id)
    except InvalidRunbook as error:
        return shown | {"ready": False, "missing": [f"its file is broken: {error.message.splitlines()[0]}"]}
    offered = _capabilities(installation, tenant)
    needed, permissions = _needs(installation, runbook)
    missing = [f"no provider offers {name}" for name in sorted(needed - {"secrets"} - offered.keys())]
    unknown: list[str] = []
    for vendor, names in _by_vendor(permissions).items():
        here = [p for p in providers.values() if p["vendor"] == vendor]
        if not here:
            continue  # another vendor serves the capability, or none does, which was said above
        granted = [p["granted"] for p in here]
        if any(not p["signed_in"] for p in here):
            missing.append(f"{vendor} does not sign in, so its permissions are not known")
        elif any(grant is None for grant in granted):
            unknown += [f"{vendor}: {name}" for name in sorted(names)]
        else:
            missing += [f"{vendor} does not grant {n}" for n in sorted(names) if not any(n in g for g in granted)]
    ready = False if missing else None if unknown else True
    return shown | {"ready": ready, "missing": missing, "unknown": unknown}


def _capabilities(installation: Installation, tenant: Tenant) -> dict[str, str]:
    """Capability → the provider of the tenant's file that serves it."""
    served: dict[str, str] = {}
    for name, config in tenant.providers.items():
        provider = installation.providers.get(config.vendor)
        for capability in config.capabilities or (provider.capabilities if provider else ()):
            served.setdefault(capability, name)
    return served


def _needs(installation: Installation, runbook: Runbook) -> tuple[set[str], list[Permission]]:
    tasks = [installation.registry.get(step.uses) for step in runbook.steps]
    return {need for task in tasks for need in task.needs}, [p for task in tasks for p in task.permissions]


def _by_vendor(permissions: Iterable[Permission]) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for permission in permissions:
        names.setdefault(permission.vendor, set()).update(permission.names)
    return names


def _contacts(tenant: Tenant) -> list[str]:
    lacking = []
    roles = {contact.role for contact in tenant.contacts}
    if "primary" not in roles:
        lacking.append("contacts: nobody is primary, so nobody confirms for the client")
    if not roles & {"executive", "legal", "privacy"}:
        lacking.append("contacts: nobody (executive, legal, privacy) decides on notification")
    lacking += [
        f"contacts: {c.id} has no telephone number to be called back on" for c in tenant.contacts if not c.phone
    ]
    lacking += [f"contacts: {c.id} has no email address" for c in tenant.contacts if not c.email]
    lacking += [
        f"contacts: {c.id} reads mail in a mailbox of the tenant, which may be the attacker's; add an account field or "
        "an address outside"
        for c in tenant.contacts
        if c.email and c.account is None and c.email.rsplit("@", 1)[1].lower() in tenant.domains and not c.phone
    ]
    filled = {member.role for member in tenant.response_team}
    lacking += [f"response team: nobody is {role}" for role in _TEAM if role not in filled]
    if not tenant.responder_accounts:
        lacking.append("responder_accounts: none named, so a run cannot keep from touching the MSP's own account")
    if not tenant.break_glass_accounts:
        lacking.append("break_glass_accounts: none named")
    return lacking


def _clocks(tenant: Tenant) -> list[str]:
    from tenantry.clocks import load_clocks

    try:
        files = load_clocks()
    except InvalidInput as error:
        return [f"clocks: {error.message}"]
    lacking = [
        f"regimes: there is no clock file for {regime}"
        for regime in tenant.regimes
        if regime not in files and regime not in _OWN_CLOCKS
    ]
    if tenant.agreement.notice_period_hours is None:
        lacking.append("agreement.notice_period_hours: not said, so the contract's own clock cannot run")
    if "insurer" in tenant.regimes and (tenant.insurer is None or tenant.insurer.notice_period_hours is None):
        lacking.append("insurer.notice_period_hours: not said, although the regime insurer is named")
    return lacking


def _people(installation: Installation, tenant: Tenant) -> list[str]:
    """Whether somebody can answer what runs ask."""
    known = installation.people.records()
    able = [p for p in known.values() if p.enabled and p.enrolled_at is not None and p.covers(tenant.name)]
    lacking = [
        f"people: no enrolled {role} may touch this tenant"
        for role in ("engineer", "approver")
        if not any(role in person.roles for person in able)
    ]
    for member in tenant.response_team:
        for person in (member.person, member.deputy):
            if person is not None and (person not in known or not known[person].enabled):
                lacking.append(f"response team: {person} is nobody of the MSP (any more)")
    return lacking
