"""The clients of the estate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from tenantry.tenants import Tenant


@group(
    "tenants",
    examples=("tenantry tenants add acme.yaml", "tenantry tenants list", "tenantry tenants check acme --json"),
)
def tenants() -> None:
    """One file a client, tenants/NAME.yaml in TENANTRY_HOME; secrets only by reference."""


@tenants.command("add", examples=("tenantry tenants add acme.yaml", "tenantry tenants add acme.yaml --replace"))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Take the place of the tenant's present file.")
@json_option
def add(file: Path, replace: bool) -> None:
    """Check FILE and keep it; the tenant gets a key of its own in the vault. Names file and line of every problem."""
    from console.session import Actor, opened
    from tenantry.journal import MSP, Event

    with opened() as installation:
        tenant = installation.tenants.add(file, replace=replace)
        installation.vault.create_tenant_key(tenant.name)
        by = Actor(None, proven=False).as_dict()
        event = "tenant.replaced" if replace else "tenant.added"
        installation.journal.append(MSP, [Event(event, {"tenant": tenant.name, "by": by})])
        if wants_json():
            echo_json(_shown(tenant))
        else:
            click.echo(f"{tenant.name} added. `tenantry tenants check {tenant.name}` says what is still missing.")


@tenants.command("list", examples=("tenantry tenants list", "tenantry tenants list --json"))
@json_option
def list_tenants() -> None:
    """Every client with its systems, and what stops effects there."""
    from console.session import opened
    from tenantry.errors import InvalidTenant

    rows: list[dict[str, Any]] = []
    with opened() as installation:
        for name in installation.tenants.names():
            try:
                rows.append(_summary(installation.tenants.get(name)) | {"problem": None})
            except InvalidTenant as error:
                rows.append(
                    {"name": name, "display_name": None, "domains": [], "providers": {}, "problem": error.message}
                )
            rows[-1]["frozen"] = installation.journal.frozen(name)
    if wants_json():
        echo_json(rows)
        return
    from console.render import table

    table(
        ("tenant", "name", "domains", "providers", "frozen"),
        (
            (
                row["name"],
                row["display_name"] or f"broken: {row['problem']}",
                ", ".join(row["domains"]),
                ", ".join(f"{key} ({vendor})" for key, vendor in row["providers"].items()),
                f"since {row['frozen']['since']} by {row['frozen']['by']}" if row["frozen"] else "",
            )
            for row in rows
        ),
    )


def _summary(tenant: Tenant) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "display_name": tenant.display_name,
        "domains": list(tenant.domains),
        "providers": {key: config.vendor for key, config in tenant.providers.items()},
    }


def _shown(tenant: Tenant) -> dict[str, Any]:
    shown: dict[str, Any] = tenant.model_dump(mode="json")
    return shown


@tenants.command("show", examples=("tenantry tenants show acme", "tenantry tenants show acme --json"))
@click.argument("tenant", metavar="T", shell_complete=complete.tenants)
@json_option
def show(tenant: str) -> None:
    """One client: contacts, response team, agreement, systems (secrets as references only)."""
    from console.session import opened

    with opened() as installation:
        found = installation.tenants.get(tenant)
        path = installation.tenants.path(tenant)
    if wants_json():
        echo_json(_shown(found))
        return
    from console.render import fields, table

    notice = found.agreement.notice_period_hours
    fields(
        [
            ("tenant", found.name),
            ("name", found.display_name),
            ("file", path),
            ("domains", ", ".join(found.domains)),
            ("time zone", found.time_zone),
            ("regimes", ", ".join(found.regimes)),
            ("notice period", f"{notice} h" if notice is not None else None),
            ("insurer", found.insurer.name if found.insurer else None),
            ("break-glass", ", ".join(found.break_glass_accounts)),
            ("responders' own", ", ".join(found.responder_accounts)),
        ]
    )
    table(
        ("provider", "vendor", "capabilities", "secrets"),
        (
            (
                key,
                config.vendor,
                ", ".join(config.capabilities) if config.capabilities else "all",
                ", ".join(map(str, config.secrets.values())),
            )
            for key, config in found.providers.items()
        ),
        title="Providers",
    )
    table(
        ("contact", "name", "role", "email", "telephone"),
        ((c.id, c.name, c.role, c.email, c.phone) for c in found.contacts),
        title="Contacts",
    )
    table(
        ("role", "who", "deputy"),
        ((m.role, m.person or m.contact, m.deputy) for m in found.response_team),
        title="Response team",
    )


@tenants.command(
    "check",
    examples=(
        "tenantry tenants check acme",
        "tenantry tenants check acme --json",
        "tenantry tenants check acme --least-privilege --runbook business_email_compromise",
        "tenantry tenants check _msp",
    ),
)
@click.argument("tenant", metavar="T", shell_complete=complete.tenants)
@click.option(
    "--least-privilege",
    is_flag=True,
    help="Print what the tenant must grant and no more: Graph permissions, an IAM policy, sudoers lines. Signs in nowhere.",
)
@click.option(
    "--runbook",
    "runbooks",
    multiple=True,
    metavar="ID",
    shell_complete=complete.runbooks,
    help="With --least-privilege: for these runbooks alone.",
)
@json_option
def check(tenant: str, least_privilege: bool, runbooks: tuple[str, ...]) -> int:
    """Sign in for real and compare: permissions against every runbook and beyond what any of them needs, host keys, clocks,
    what expires, contacts, people who can answer.

    T is a client, or _msp for the estate's own credentials: whom they reach, and what they may do besides.

    Reads only. Exit code 1 when something is missing.
    """
    if least_privilege:
        return _print_least(tenant, runbooks)
    if runbooks:
        raise click.UsageError("--runbook goes with --least-privilege")
    import asyncio

    from console import checkup, estate_checkup
    from console.session import opened
    from tenantry.names import MSP

    with opened() as installation:
        if tenant == MSP:
            report = asyncio.run(estate_checkup.check(installation))
        else:
            found = installation.tenants.get(tenant)
            installation.vault.create_tenant_key(found.name)
            report = asyncio.run(checkup.check(installation, found))
    if wants_json():
        echo_json(report)
    else:
        _print_report(report)
    return 0 if report["ok"] else 1


def _print_least(tenant: str, runbooks: tuple[str, ...]) -> int:
    from console import checkup, estate_checkup
    from console.session import opened
    from tenantry.names import MSP

    with opened() as installation:
        if tenant == MSP:
            if runbooks:
                raise click.UsageError("what the estate's own credentials are for does not follow from runbooks")
            documents = estate_checkup.least_privilege(installation)
        else:
            found = installation.tenants.get(tenant)
            for runbook_id in runbooks:
                installation.catalog.get(runbook_id)  # says which one there is not
            documents = checkup.least_privilege(installation, found, runbooks or installation.catalog.ids())
    if wants_json():
        echo_json({"tenant": tenant, "providers": documents})
        return 0
    for document in documents:
        click.echo(f"# {document['provider']} ({document['vendor']})", err=True)
        click.echo(document["text"], nl=False)
    return 0


def _signing_in(provider: dict[str, Any]) -> str:
    """Whether a provider lets us in; of hosts, how many do."""
    parts = provider["parts"].values()
    inside = sum(part["signed_in"] for part in parts)
    if 0 < inside < len(parts):
        return f"{inside} of {len(parts)} hosts"
    return {True: "works", None: "shows in use"}.get(provider["signed_in"], "FAILS")


def _print_report(report: dict[str, Any]) -> None:
    from console.render import table

    table(
        ("provider", "vendor", "sign-in", "permissions granted", "beyond need", "clocks differ", "expires"),
        (
            (
                p["name"],
                p["vendor"] if p["of"] == "tenant" else f"{p['vendor']} (the estate's)",
                _signing_in(p),
                "the vendor does not say" if p["granted"] is None else len(p["granted"]),
                "" if p["direct"] is None else len(p["over_privileged"]),
                "" if p["clock_skew_seconds"] is None else f"{p['clock_skew_seconds']} s",
                min(p["expires"].values(), default="")[:10],
            )
            for p in report["providers"]
        ),
    )
    away = [
        (provider["name"], name, "does not let us in" if part["reachable"] else "does not answer")
        for provider in report["providers"]
        for name, part in provider["parts"].items()
        if not part["signed_in"]
    ]
    if away:
        table(("provider", "host", "sign-in"), away, title="Hosts that are away")
    for provider in report["providers"]:
        if "may_assume" in provider["facts"]:
            assumed = ([role] for role in provider["facts"]["may_assume"])
            table((f"{provider['name']} may assume",), assumed, title="Whom it reaches")
    table(
        ("runbook", "ready", "missing"),
        (
            (
                r["id"],
                {True: "yes", False: "NO", None: "not known"}[r["ready"]] if r["applies"] else "not for this client",
                "; ".join(r["missing"] or r["not_here"] or (r["unknown"] if r["ready"] is None else ())),
            )
            for r in report["runbooks"]
        ),
    )
    table(("what is missing",), ([problem] for problem in report["problems"]), title="Missing")
    table(("to look at",), ([warning] for warning in report["warnings"]), title="Warnings")
