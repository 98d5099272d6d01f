"""Whether a tenant is ready before an incident needs it: sign-ins by use, permissions against every runbook, and the people
and periods that its file must name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from flows.needs import by_vendor, needs, needs_by_vendor, too_much
from flows.pulling import RUNBOOK as PULLING
from tenantry.capabilities import OWN
from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.errors import InvalidInput, InvalidRunbook, TaskDefect, TenantryError
from tenantry.least import least
from tenantry.names import MSP
from tenantry.providers import Handle, ProviderCheck, Tries

if TYPE_CHECKING:
    from flows.assembly import Installation, Source, TenantContext
    from tenantry.tenants import Tenant

__all__ = ["check", "least_privilege", "looked", "needs_by_vendor", "one", "row", "secrets_due", "warnings_of"]

PATIENCE: Final = 60.0
"""Seconds that one provider may take."""

SKEW_SHOWN: Final = 5.0
SKEW_FAILS: Final = 120.0
"""Seconds. Entra and AWS refuse signatures that are five minutes off; a one-time code is off after half a minute."""
EXPIRES_SOON: Final = timedelta(days=30)

_TEAM: Final = ("incident_commander", "technical_lead", "communications")
"""Roles that any incident needs filled beforehand (NIST SP 800-61r3, RS.MA-01)."""
_OWN_CLOCKS: Final = frozenset({"contract", "insurer"})
"""Regimes whose period stands in the tenant's file instead of a clock file."""


async def check(installation: Installation, tenant: Tenant) -> dict[str, Any]:
    """Everything that is known of a tenant's readiness.

    Returns:
        JSON: ``ok``; ``providers`` (reachable, signed in, what is granted and what of it no runbook needs, host keys, clocks,
        what expires, problems; ``parts``: each host of a provider of hosts, ``{signed_in, reachable, granted}``); ``runbooks`` (for each: what it lacks, ``ready``
        true, false, or null where the vendor does not say what is granted, or where ``applies`` is false: the client has no system
        that the runbook works on, or does not ask for what it does, ``not_here``); ``contacts``, ``clocks``, ``people`` (what is
        missing, in sentences); ``problems``, all of it in one list; ``warnings``, what a person should look at.
    """
    async with installation.access(tenant.name, "run") as context:
        sources = context.sources()
        serving = _capabilities(installation, sources)
        checked = await asyncio.gather(*(_provider(context, source, serving) for source in sources))
    providers = {found["name"]: found for found in checked}
    runbooks = [row(installation, tenant, serving, providers, runbook_id) for runbook_id in installation.catalog.ids()]
    needed = needs_by_vendor(installation, (one["id"] for one in runbooks if one["applies"]))
    for found in checked:
        found["over_privileged"] = too_much(found["direct"], found["wider"], needed.get(found["vendor"], set()))
    contacts, clocks, people = _contacts(tenant), _clocks(tenant), _people(installation, tenant)
    expired, secrets = await asyncio.to_thread(secrets_due, installation, tenant.name)
    problems = [f"{p['name']}: {problem}" for p in checked for problem in p["problems"]]
    problems += [f"{r['id']}: {lack}" for r in runbooks for lack in r["missing"]]
    problems += [*contacts, *clocks, *people, *expired]
    if not sources:
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
        "warnings": [
            *(f"{p['name']}: {warning}" for p in checked for warning in warnings_of(p)),
            *(f"{r['id']} is not for this client: {'; '.join(r['not_here'])}" for r in runbooks if not r["applies"]),
            *secrets,
        ],
    }


async def one(installation: Installation, tenant: Tenant, key: str, names: set[str]) -> dict[str, Any]:
    """One provider of a tenant, by use.

    Args:
        key: its name in the tenant's file.
        names: the permissions that it should have, and no more.

    Returns:
        JSON: as in `check`, and ``needed`` (how many), ``missing`` (None where the vendor does not say what is granted) and ``tried``:
        permission → whether a harmless read that needs it was let through, null where that could not be told.
    """
    async with installation.access(tenant.name, "run") as context:
        source = next(source for source in context.sources() if source.key == key)
        found = await _provider(context, source, {})
        used: dict[str, bool | None] = {}
        if found["signed_in"]:
            handle = await context.handle(key)
            if isinstance(handle, Tries):
                try:
                    async with asyncio.timeout(PATIENCE):
                        used = dict(await handle.tried(names))
                except TimeoutError:
                    found["problems"].append(f"the permissions could not all be used within {PATIENCE:g} s")
    missing = None if found["granted"] is None else sorted(names - set(found["granted"]))
    return found | {
        "over_privileged": too_much(found["direct"], found["wider"], names),
        "needed": len(names),
        "missing": missing,
        "tried": used,
    }


async def _provider(context: TenantContext, source: Source, serving: Mapping[str, list[str]]) -> dict[str, Any]:
    offered = [capability for capability, names in serving.items() if source.key in names]
    of = "tenant" if source.handle is None else "estate"
    return await looked(source.key, source.config.vendor, of, offered, lambda: context.handle(source.key))


async def looked(
    key: str, vendor: str, of: str, capabilities: list[str], opened: Callable[[], Awaitable[Handle]]
) -> dict[str, Any]:
    """What a provider's own check says, whatever becomes of it; JSON, one of ``providers`` of `check`.

    Args:
        of: ``tenant`` or ``estate``: whose credential it is.
    """
    shown: dict[str, Any] = {
        "name": key,
        "vendor": vendor,
        "of": of,
        "capabilities": capabilities,
        "reachable": None,
        "signed_in": False,
        "granted": None,
        "direct": None,
        "wider": {},
        "host_keys": {},
        "clock_skew_seconds": None,
        "expires": {},
        "parts": {},
        "problems": [],
        "facts": {},
    }
    try:
        async with asyncio.timeout(PATIENCE):
            result = await (await opened()).check()
    except TimeoutError:
        return shown | {"problems": [f"no answer within {PATIENCE:g} s"]}
    except ValidationError as error:
        # The settings are the provider's own; their values are not repeated.
        wrong = (f"settings.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        return shown | {"problems": list(wrong)}
    except TenantryError as error:
        return shown | {"problems": [f"{error.message}. {error.remedy}"]}
    except Exception as error:  # noqa: BLE001  # a defect of one provider must not hide what the others say
        defect = TaskDefect.of(f"the provider {vendor}", error)
        return shown | {"problems": [f"{defect.message} ({defect.detail['at']}): a defect; report it"]}
    return shown | {
        "signed_in": result.signed_in,
        "reachable": True if result.signed_in else result.reachable,
        "granted": None if result.granted is None else sorted(result.granted),
        "direct": _listed(result.granted if result.direct is None else result.direct),
        "wider": {name: sorted(contained) for name, contained in sorted(result.wider.items())},
        "host_keys": {host: asdict(key) for host, key in result.host_keys.items()},
        "clock_skew_seconds": None if result.clock_skew is None else round(result.clock_skew),
        "expires": {what: rfc3339(at) for what, at in sorted(result.expiries.items())},
        "parts": {
            name: {"signed_in": part.signed_in, "reachable": part.reachable, "granted": _listed(part.granted)}
            for name, part in result.parts.items()
        },
        "problems": [*result.problems, *_found_wrong(result)],
        "facts": dict(result.facts),
    }


def _listed(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _found_wrong(result: ProviderCheck) -> list[str]:
    """What keeps, or will keep, a run from working, though the provider answers today."""
    now = datetime.now(UTC)
    found = [f"{what} expired on {at:%Y-%m-%d}" for what, at in sorted(result.expiries.items()) if at <= now]
    found += [
        f"{host} shows another key than the one on file ({key.fingerprint}): somebody may be in between"
        for host, key in sorted(result.host_keys.items())
        if not key.expected
    ]
    if result.clock_skew is not None and abs(result.clock_skew) > SKEW_FAILS:
        found.append(f"the clocks differ by {result.clock_skew:.0f} s: signatures and codes will be refused")
    return found


def secrets_due(installation: Installation, tenant: str) -> tuple[list[str], list[str]]:
    """Which credentials have expired; and what will expire or is to be replaced, and whether secrets lie where the file says; a store that
    is away is said too."""
    from tenantry.secretlife import due, limits_of

    vault = installation.vault
    if tenant not in (MSP, *vault.tenants()):
        return [], []
    try:
        stored = vault.list(tenant)
    except TenantryError as error:
        return [], [f"vault: {error.message}. {error.remedy}"]
    now, limits = installation.journal.clock.now(), limits_of(installation.tenants)(tenant)
    expired: list[str] = []
    found: list[str] = []
    for one in due(stored, now, limits=limits):
        (expired if one.why == "expired" else found).append(f"vault:{one.tenant}/{one.name} {one.text}")
    at, wished = vault.placement(tenant), vault.wished_store(tenant)
    if at.moving_to or at.leaving:
        found.append(f"secrets are being moved: finish it with `tenantry vault move --to {at.moving_to or at.store}`")
    elif at.store != wished:
        found.append(f"secrets lie in {at.store}, and the files say {wished}: `tenantry vault move --to {wished}`")
    return expired, found


def warnings_of(shown: Mapping[str, Any]) -> list[str]:
    """What a person should look at, though every run works."""
    now = datetime.now(UTC)
    found = []
    for what, text in shown["expires"].items():
        left = parse_rfc3339(text) - now
        if timedelta(0) < left < EXPIRES_SOON:
            found.append(f"{what} expires in {left.days} days")
    skew = shown["clock_skew_seconds"]
    if skew is not None and SKEW_SHOWN < abs(skew) <= SKEW_FAILS:
        found.append(f"the clocks differ by {skew} s")
    for one in shown["over_privileged"]:
        instead = ", ".join(one["instead"])
        found.append(
            f"{one['name']} is more than any runbook needs" + (f"; grant {instead} instead" if instead else "")
        )
    return found


def least_privilege(installation: Installation, tenant: Tenant, runbook_ids: Iterable[str]) -> list[dict[str, Any]]:
    """What this tenant must grant for these runbooks and no more, for each of its providers that needs anything.

    Returns:
        JSON: ``[{provider, vendor, format, names, text}]``; ``text`` is to be entered at the vendor.
    """
    needed = needs_by_vendor(installation, runbook_ids)
    documents = []
    for source in installation.sources(tenant):
        config = source.config
        names = needed.get(config.vendor)
        if names:
            made = least(config.vendor, names, config.settings, installation.providers.get(config.vendor))
            documents.append(
                {"provider": source.key, "vendor": config.vendor} | asdict(made) | {"names": list(made.names)}
            )
    return documents


def row(
    installation: Installation,
    tenant: Tenant,
    offered: Mapping[str, list[str]],
    providers: Mapping[str, Mapping[str, Any]],
    runbook_id: str,
) -> dict[str, Any]:
    """What one runbook lacks at this tenant.

    Args:
        offered: capability → the providers that serve it.
        providers: as `check` found them.

    Returns:
        JSON: one of ``runbooks`` of `check`.
    """
    shown = _runbook(installation, offered, providers, runbook_id)
    if runbook_id != PULLING or tenant.alert_pull.every_minutes is not None or not shown["missing"]:
        return shown
    # The service begins it for clients whose file asks for it; for the others there is nothing to mend.
    why = "its file asks for no alerts to be fetched (alert_pull.every_minutes)"
    return shown | {"ready": None, "applies": False, "missing": [], "not_here": [why, *shown["missing"]]}


def _runbook(
    installation: Installation,
    offered: Mapping[str, list[str]],
    providers: Mapping[str, Mapping[str, Any]],
    runbook_id: str,
) -> dict[str, Any]:
    """What one runbook lacks at this tenant."""
    shown: dict[str, Any] = {
        "id": runbook_id,
        "ready": True,
        "applies": True,
        "missing": [],
        "not_here": [],
        "unknown": [],
    }
    try:
        runbook = installation.catalog.get(runbook_id)
    except InvalidRunbook as error:
        return shown | {"ready": False, "missing": [f"its file is broken: {error.message.splitlines()[0]}"]}
    needed, permissions = needs(installation, runbook)
    lacking = needed - OWN - offered.keys()
    absent = sorted(lacking - _expected(installation, providers)) if providers else []
    if absent:
        return shown | {"ready": None, "applies": False, "not_here": [f"no provider offers {name}" for name in absent]}
    missing = [f"no provider offers {name}" for name in sorted(lacking)]
    unknown: list[str] = []
    for vendor, names in by_vendor(permissions).items():
        here = [p for p in providers.values() if p["vendor"] == vendor]
        if not here:
            continue  # another vendor serves the capability, or none does, which was said above
        granted = [p["granted"] for p in here]
        parts = {name: part for p in here for name, part in p["parts"].items()}
        if any(part["signed_in"] for part in parts.values()):
            lacking_here, unknown_here = _at_parts(parts, names)
            missing += lacking_here
            unknown += unknown_here
        elif any(not p["signed_in"] for p in here):
            missing.append(f"{vendor} does not sign in, so its permissions are not known")
        elif any(grant is None for grant in granted):
            unknown += [f"{vendor}: {name}" for name in sorted(names)]
        else:
            missing += [f"{vendor} does not grant {n}" for n in sorted(names) if not any(n in g for g in granted)]
    ready = False if missing else None if unknown else True
    return shown | {"ready": ready, "missing": missing, "unknown": unknown}


def _at_parts(parts: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Of hosts: what each that answers does not grant; and those that are away, whose grants are not known. One that is away keeps a runbook
    from no other."""
    missing = [
        f"{part} does not grant {name}"
        for part, found in parts.items()
        if found["granted"] is not None
        for name in sorted(names)
        if name not in found["granted"]
    ]
    away = [
        f"{part} does not let us in: what it grants is not known"
        for part, found in parts.items()
        if not found["signed_in"]
    ]
    return missing, away


def _expected(installation: Installation, providers: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Capabilities that a client with these providers is expected to have: what their vendors offer, whether the file names it or not,
    and a way to write to people. A client without hosts is not expected to have them: runbooks for hosts are not for it."""
    vendors = (installation.providers.get(provider["vendor"]) for provider in providers.values())
    return {"messenger"}.union(*(vendor.capabilities for vendor in vendors if vendor is not None))


def _capabilities(installation: Installation, sources: Iterable[Source]) -> dict[str, list[str]]:
    """Capability → the provider that serves it; of messages, which go by channel, every one."""
    served: dict[str, list[str]] = {}
    for source in sources:
        provider = installation.providers.get(source.config.vendor)
        for capability in source.config.capabilities or (provider.capabilities if provider else ()):
            names = served.setdefault(capability, [])
            if not names or capability == "messenger":
                names.append(source.key)
    return served


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
