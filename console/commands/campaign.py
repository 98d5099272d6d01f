"""One runbook for many clients at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.campaign import Campaign, Child


@group(
    "campaign",
    examples=(
        "tenantry campaign start msp_tool_compromise --all -p tool='Orbit RMM' --mode plan",
        "tenantry campaign show 3f2a91c0",
        "tenantry campaign resume 3f2a91c0",
    ),
)
def campaign() -> None:
    """A runbook for many clients: one run each, past those that cannot be reached, and which those were."""


@campaign.command(
    "start",
    examples=(
        "tenantry campaign start msp_tool_compromise --all -p tool='Orbit RMM' --as sam.eng",
        "tenantry campaign start malicious_oauth_app --tenants acme,globex -p application=6f0c8a4e-0000-0000-0000-000000000000",
    ),
)
@click.argument("runbook", metavar="ID", shell_complete=complete.runbooks)
@click.option("--tenants", metavar="T,T…", help="These clients.")
@click.option("--all", "every", is_flag=True, help="Every client of the estate.")
@click.option("-p", "--param", "given", multiple=True, metavar="KEY=VALUE", help="A parameter, the same for all.")
@click.option(
    "--mode",
    type=click.Choice(["run", "plan", "drill"]),
    default="run",
    show_default=True,
    help="plan: read only, say what would change; drill: the same on the lab.",
)
@click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=8, show_default=True, metavar="N", help="Clients at once."
)
@json_option
def start(
    runbook: str,
    tenants: str | None,
    every: bool,
    given: tuple[str, ...],
    mode: str,
    person: str | None,
    at_once: int,
) -> int:
    """Start the runbook ID for many clients and carry each as far as it goes; prints how the campaign stands.

    A client that cannot be reached ends nothing but its own part. Exit code 0 when all are done, 1 when some are not, 3 when
    people are all that is missing.
    """
    if every == (tenants is not None):
        raise click.UsageError("give either --tenants or --all")
    from console.commands.run import read_params
    from console.session import actor, in_scope, opened

    params = read_params(given)
    with opened() as installation:
        named = (
            installation.tenants.names() if tenants is None else [t.strip() for t in tenants.split(",") if t.strip()]
        )
        from flows import campaign as campaigns

        by = actor(installation, person, purpose="run", tenant=named[0] if named else None)
        in_scope(
            installation, person, named
        )  # a code is used once: it proves the person, their scope is looked at for each
        campaign_id = campaigns.prepare(installation, runbook, named, params, mode, by.as_dict())
        click.echo(f"tenantry: campaign {campaign_id}", err=True)
        return _carry(installation, campaign_id, at_once)


@campaign.command("resume", examples=("tenantry campaign resume 3f2a91c0",))
@click.argument("campaign_id", metavar="CAMPAIGN")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=8, show_default=True, metavar="N", help="Clients at once."
)
@json_option
def resume(campaign_id: str, at_once: int) -> int:
    """Go on with every client's run that is not done: unreachable before, answered meanwhile, or interrupted."""
    from console.session import opened

    with opened() as installation:
        return _carry(installation, campaign_id, at_once)


@campaign.command("show", examples=("tenantry campaign show 3f2a91c0 --json",))
@click.argument("campaign_id", metavar="CAMPAIGN")
@json_option
def show(campaign_id: str) -> None:
    """How a campaign stands, client by client, as it was last tried. CAMPAIGN may be the beginning of the id."""
    from console.session import opened
    from flows import campaign as campaigns
    from tenantry.campaign import find, view

    with opened() as installation:
        _print(view(find(campaigns.campaigns(installation), campaign_id)))


@campaign.command("list", examples=("tenantry campaign list --json",))
@json_option
def list_campaigns() -> None:
    """All campaigns, the newest first."""
    from console.session import opened
    from flows import campaign as campaigns
    from tenantry.campaign import view

    with opened() as installation:
        views = [view(found) for found in reversed(campaigns.campaigns(installation).values())]
    if wants_json():
        echo_json(views)
        return
    from console.render import moment, status, table

    table(
        ("campaign", "started", "runbook", "mode", "status", "tenants", "unreachable"),
        (
            (
                v["campaign_id"],
                moment(v["started_at"]),
                v["runbook"],
                v["mode"],
                status(v["status"]),
                len(v["tenants"]),
                ", ".join(v["unreachable"]),
            )
            for v in views
        ),
    )


def _carry(installation: Installation, campaign_id: str, at_once: int) -> int:
    from flows import campaign as campaigns
    from tenantry.campaign import view

    found: Campaign = campaigns.carry(installation, campaign_id, at_once=at_once, follow=_say)
    shown = view(found)
    _print(shown)
    return {"completed": 0, "planned": 0, "waiting_for_approval": 3}.get(shown["status"], 1)


def _say(child: Child) -> None:
    from console.render import clean

    why = f": {child.error['message']}" if child.error else ""
    click.echo(clean(f"tenantry: {child.tenant} {child.status}{why}", 300), err=True)


def _print(shown: Mapping[str, Any]) -> None:
    if wants_json():
        echo_json(shown)
        return
    from console.render import fields, status, table

    fields(
        [
            ("campaign", shown["campaign_id"]),
            ("runbook", shown["runbook"]),
            ("status", status(shown["status"])),
            ("unreachable", ", ".join(shown["unreachable"]) or "none"),
        ]
    )
    table(
        ("tenant", "run", "status", "why"),
        (
            (row["tenant"], row["run_id"], status(row["status"]), row["error"]["message"] if row["error"] else "")
            for row in shown["tenants"]
        ),
    )
