"""`tenantry vault rotate`: the credential behind a secret, one for another, by the runbook that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console import complete
from console.cli import json_option

if TYPE_CHECKING:
    from console.cli import Group
    from console.session import Actor
    from flows.assembly import Installation

__all__ = ["join"]

_RUNBOOK = "credential_rotation"


@click.option(
    "--tenant", required=True, metavar="T", shell_complete=complete.tenants, help="Whose; _msp is the estate's own."
)
@click.argument("name", metavar="NAME")
@click.option(
    "--mode", type=click.Choice(["run", "plan"]), default="run", show_default=True, help="plan: say what would change."
)
@click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
@json_option
def _rotate(tenant: str, name: str, mode: str, person: str | None) -> int:
    """Replace the credential that is stored as NAME where it is used: a new one is made and proven, taken into use, the old one proven dead.

    A run of the runbook credential_rotation, which is printed. What only a person can replace is said: credential_handover takes them
    through it.
    """
    from console.commands.run import carry
    from console.session import opened
    from tenantry.names import MSP

    with opened() as installation:
        whose = MSP if tenant == MSP else installation.tenants.get(tenant).name
        credential = _credential(installation, whose, name)
        if whose != MSP:
            installation.vault.create_tenant_key(whose)
        requester = _requester(installation, whose, person)
        from flows import estate, launch

        params = {"provider": credential}
        if whose == MSP:
            run_id = estate.prepare(installation, _RUNBOOK, params, mode, requester.as_dict())
        else:
            run_id = launch.prepare(installation, _RUNBOOK, whose, params, mode, requester.as_dict())
        click.echo(f"tenantry: run {run_id}", err=True)
        return carry(installation, run_id, wait=True)


def _requester(installation: Installation, tenant: str, person: str | None) -> Actor:
    """Who asks; for the estate's own credentials somebody who may see secrets, as for its master key."""
    from console.session import actor, trusted
    from tenantry.names import MSP

    if tenant != MSP:
        return actor(installation, person, purpose="run", tenant=tenant)
    return trusted(installation, person, purpose="vault.rotate", tenant=MSP, needs=lambda roles: roles.reveal_needs)


def _credential(installation: Installation, tenant: str, name: str) -> str:
    from flows.rotating import credential_of
    from tenantry.errors import NotFound
    from tenantry.names import MSP, check_secret_name

    check_secret_name(name)
    providers = installation.estate.providers if tenant == MSP else installation.tenants.get(tenant).providers
    found = credential_of(providers, tenant, name)
    if found is None:
        raise NotFound(
            f"no provider of {tenant} signs in with this secret",
            place="NAME",
            remedy="Replace it where it is used, and store the new one with `tenantry vault put`.",
        )
    return "/".join(found)


def join(group: Group) -> None:
    """Put the command into its family."""
    group.command(
        "rotate",
        examples=(
            "tenantry vault rotate --tenant acme m365/certificate",
            "tenantry vault rotate --tenant _msp aws-key",
        ),
    )(_rotate)
