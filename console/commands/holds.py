"""Legal holds: what must not be deleted, whoever asks."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from console.session import Actor
    from flows.assembly import Installation

_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
_TENANT = click.argument("tenant", metavar="T", shell_complete=complete.tenants)


@group(
    "holds",
    examples=(
        "tenantry holds list acme",
        "tenantry holds set acme --matter 'Doe v. Acme' --scope 'mail of 2026' --reason 'letter of counsel' --as kim.lead",
    ),
)
def holds_group() -> None:
    """Legal holds. While one stands nothing of the client is deleted at an offboarding; the rest of it is done."""


@holds_group.command("list", examples=("tenantry holds list acme --json",))
@_TENANT
@json_option
def list_holds(tenant: str) -> None:
    """The holds that stand: those of the client's file, and those that were set here."""
    from console.session import opened
    from tenantry.holds import in_force

    with opened() as installation:
        found = in_force(installation.journal, installation.tenants.get(tenant), _today(installation))
        if wants_json():
            echo_json([one.as_dict() for one in found])
            return
        from console.render import table

        table(
            ("hold", "matter", "scope", "since", "set by", "why"),
            ((one.id, one.matter, one.scope, one.since[:10], one.by or one.source, one.reason) for one in found),
        )


@holds_group.command(
    "set",
    examples=(
        "tenantry holds set acme --matter 'Doe v. Acme' --scope everything --reason 'letter of counsel' --as kim.lead",
    ),
)
@_TENANT
@click.option("--matter", required=True, metavar="TEXT", help="The case or order.")
@click.option("--scope", required=True, metavar="TEXT", help="What it covers: people, systems, periods.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, and who asked for it.")
@_AS
@json_option
def set_hold(tenant: str, matter: str, scope: str, reason: str, person: str | None) -> None:
    """Set a hold. It stands until somebody lifts it; who set it stands in the record."""
    from console.session import opened
    from tenantry.holds import put

    with opened() as installation:
        name = installation.tenants.get(tenant).name
        installation.vault.create_tenant_key(name)
        by = _by(installation, person, name, "holds.set")
        hold = put(installation.journal, name, matter=matter, scope=scope, reason=reason, by=by.label)
        if wants_json():
            echo_json({"tenant": name, "hold": hold, "by": by.label})
        else:
            click.echo(f"hold {hold} stands for {name}")


@holds_group.command("lift", examples=("tenantry holds lift acme 3f2a91c0 --reason 'case closed' --as kim.lead",))
@_TENANT
@click.argument("hold", metavar="HOLD")
@click.option("--reason", required=True, metavar="TEXT", help="Why, and who said so.")
@_AS
@json_option
def lift_hold(tenant: str, hold: str, reason: str, person: str | None) -> None:
    """Lift a hold that was set with `holds set`. One of the client's file is lifted there."""
    from console.session import opened
    from tenantry.holds import lift

    with opened() as installation:
        found = installation.tenants.get(tenant)
        by = _by(installation, person, found.name, "holds.lift")
        lift(installation.journal, found, hold, reason=reason, by=by.label, today=_today(installation))
        if wants_json():
            echo_json({"tenant": found.name, "hold": hold, "lifted": True, "by": by.label})
        else:
            click.echo(f"hold {hold} is lifted")


def _by(installation: Installation, person: str | None, tenant: str, purpose: str) -> Actor:
    from console.session import trusted

    return trusted(installation, person, purpose=purpose, tenant=tenant, needs=lambda _roles: "lead")


def _today(installation: Installation) -> date:
    return installation.journal.clock.now().date()
