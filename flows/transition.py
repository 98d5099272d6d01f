"""The pack for whoever looks after the client next: what there is, who may do what, open risks, what expires, what was done lately. From the record, the
client's file and what the hand-over just looked at; no secret, and how we reach a system only as far as its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tenantry.clock import rfc3339
from tenantry.risk.register import RiskRegister

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.run import RunState
    from tenantry.tenants import Tenant

__all__ = ["markdown", "transition"]

_LATELY = 200


def transition(
    installation: Installation,
    tenant: Tenant,
    state: RunState,
    *,
    held: Sequence[Mapping[str, Any]] = (),
    expiries: Mapping[str, datetime | None] = MappingProxyType({}),
    administrators: Mapping[str, Sequence[Mapping[str, str]] | None] = MappingProxyType({}),
) -> dict[str, Any]:
    """The pack, as JSON. What could not be read stands under ``not_known``.

    Args:
        held: what is held for the client, as the inventory has it.
        expiries: credentials that live in the client's systems, and when they end; None: that system could not be asked.
        administrators: who may do everything in the client's systems, by system; None: that system could not be asked.
    """
    not_known = [
        f"{one['id']}: {one['why'] or 'it could not be looked at'}" for one in held if one["state"] == "unknown"
    ]
    not_known += [f"{name}: what expires there" for name, at in expiries.items() if at is None]
    not_known += [f"{name}: who administers it" for name, rows in administrators.items() if rows is None]
    people = [
        {"who": person.id, "name": person.name, "roles": sorted(person.roles)}
        for person in installation.people.records().values()
        if person.enabled and person.covers(tenant.name)
    ]
    register = RiskRegister(installation.journal, tenant.name).read()
    if register.erased:
        not_known.append(f"{register.erased} entries of the risk register, whose contents were erased")
    stored = installation.vault.list(tenant.name)
    ends = sorted((one.expires_at, one.name, one.kind) for one in stored if one.expires_at is not None)
    expiring = [{"what": name, "kind": kind, "expires": rfc3339(at)} for at, name, kind in ends]
    expiring += [
        {"what": name, "kind": "credential in the system", "expires": rfc3339(at)}
        for name, at in sorted(expiries.items())
        if at is not None
    ]
    assets = _assets(installation, tenant.name)
    if assets is None:
        not_known.append("assets: no onboarding of this installation has counted them")
    if tenant.agreement.ends_on is not None:
        expiring.append({"what": "the agreement", "kind": "agreement", "expires": tenant.agreement.ends_on.isoformat()})
    runs = [
        {"run": view["run_id"], "what": view["runbook"], "subject": view["subject"], "status": view["status"]}
        | {"started": view["started_at"]}
        for view in installation.views(tenant.name, _LATELY)
        if view["run_id"] != state.run_id
    ]
    return {
        "client": tenant.display_name,
        "contacts": [
            one.model_dump(mode="json", include={"name", "role", "email", "phone"}) for one in tenant.contacts
        ],
        "people": people,
        "administrators": [
            {"system": name, **row} for name, rows in sorted(administrators.items()) for row in rows or ()
        ],
        "accounts_not_to_cut_off": [*tenant.break_glass_accounts, *tenant.responder_accounts],
        "systems": [
            {"name": key, "vendor": config.vendor, "secrets": sorted(config.secrets)}
            for key, config in tenant.providers.items()
        ]
        + [{"name": key, "vendor": "of the estate", "called": handle} for key, handle in tenant.estate_handles.items()],
        "assets": assets or [],
        "held": [{name: one[name] for name in ("what", "where", "state", "count", "unit")} for one in held],
        "risks": [one.as_dict() for one in register.open()],
        "expiring": expiring,
        "runs": runs,
        "not_known": not_known,
    }


def _assets(installation: Installation, tenant: str) -> list[dict[str, Any]] | None:
    """What the newest onboarding counted at the client; None: there was none."""
    for index in installation.journal.runs(tenant):
        if index.runbook != "client_onboarding":
            continue
        found = installation.state(index.run_id).items.get(("inventory", None))
        if found is not None and found.output:
            counted = found.output.get("kinds", ())
            return [{"kind": one["kind"], "count": one["count"], "seen": index.run_id} for one in counted]
    return None


def markdown(pack: Mapping[str, Any]) -> str:
    """The pack for people."""
    return "\n".join(_lines(pack)) + "\n"


def _lines(pack: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {_text(pack['client'])}: for whoever comes next"
    yield ""
    if pack["not_known"]:
        yield "Not known: " + "; ".join(map(_text, pack["not_known"]))
        yield ""
    yield from _table("Contacts", ("name", "role", "email", "phone"), pack["contacts"])
    yield from _table(
        "Who of us may act for the client, until our access ends", ("who", "name", "roles"), pack["people"]
    )
    yield from _table(
        "Who administers the client's systems", ("system", "who", "kind", "may", "how"), pack["administrators"]
    )
    yield from _table("Systems, and what we sign in with", ("name", "vendor", "secrets", "called"), pack["systems"])
    yield from _table("What there is", ("kind", "count", "seen"), pack["assets"])
    yield from _table("What we hold for the client", ("what", "where", "state", "count", "unit"), pack["held"])
    accounts = [{"account": one} for one in pack["accounts_not_to_cut_off"]]
    yield from _table("Accounts that are never cut off", ("account",), accounts)
    yield from _table("Open risks", ("id", "title", "level", "owner", "review_on"), pack["risks"])
    yield from _table("What expires", ("what", "kind", "expires"), pack["expiring"])
    yield from _table("What was done", ("started", "what", "subject", "status", "run"), pack["runs"])


def _table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    if not rows:
        yield "None is recorded."
        yield ""
        return
    shown = [name for name in columns if any(row.get(name) for row in rows)]
    yield "| " + " | ".join(name.replace("_", " ") for name in shown) + " |"
    yield "|" + "---|" * len(shown)
    for row in rows:
        yield "| " + " | ".join(_cell(row.get(name)) for name in shown) + " |"
    yield ""


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(one) for one in value)
    return "" if value is None else _text(value)


def _text(value: Any) -> str:
    """One line that Markdown does not read as anything but text."""
    plain = "".join(c if c.isprintable() else " " for c in str(value))
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|" else c for c in plain)
