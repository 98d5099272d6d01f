"""Connecting a client's cloud, step by step, with the same command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from console.connecting import Connecting

_OUT = click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write what is to be handed over here.",
)
_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
_RUNBOOKS = click.option(
    "--runbook",
    "runbooks",
    multiple=True,
    metavar="ID",
    shell_complete=complete.runbooks,
    help="For these runbooks alone.",
)


@group(
    "connect",
    examples=(
        "tenantry connect m365 acme --directory 11111111-2222-3333-4444-555555555555 -o handover",
        "tenantry connect aws acme --account 123456789012 --region eu-central-1 -o handover",
    ),
)
def connect() -> None:
    """Connect a client's cloud with the least privilege, and prove it by use.

    Each call does what can be done now, says who does what next, and prints what is still to be handed over and which addresses this
    machine connects to. Give it again after each act of the client's, until it exits with 0: 3 means that the client is next, 1 that
    something is not as it should be.
    """


@connect.command(
    "m365",
    examples=(
        "tenantry connect m365 acme --directory 11111111-2222-3333-4444-555555555555 -o handover",
        "tenantry connect m365 acme --client-id 66666666-7777-8888-9999-000000000000",
        "tenantry connect m365 acme",
        "tenantry connect m365 globex --shared --directory 22222222-3333-4444-5555-666666666666 -o handover",
    ),
)
@click.argument("tenant", metavar="T", shell_complete=complete.tenants)
@click.option("--directory", metavar="ID", help="The client's directory (tenant) id; once.")
@click.option("--client-id", metavar="ID", help="Of the application that the client registered; once.")
@click.option("--provider", default="m365", show_default=True, metavar="NAME", help="Its name in the tenant's file.")
@click.option(
    "--cloud",
    type=click.Choice(("global", "gcc_high", "dod", "china")),
    default="global",
    show_default=True,
    help="Which of Microsoft's clouds.",
)
@click.option(
    "--shared", is_flag=True, help="Through the MSP's own application in estate.yaml, to which the client consents."
)
@click.option("--stand-in", metavar="URL", help="A lab that plays Microsoft's services, to practise with.")
@_RUNBOOKS
@_OUT
@_AS
@json_option
def m365(
    tenant: str,
    directory: str | None,
    client_id: str | None,
    provider: str,
    cloud: str,
    shared: bool,
    stand_in: str | None,
    runbooks: tuple[str, ...],
    folder: Path | None,
    person: str | None,
) -> int:
    """Microsoft 365: an application registered in the client's directory, signing in with a certificate made in the vault.

    Its private key never leaves the vault. The registration holds exactly the permissions that runbooks need.

    With --shared the MSP's own application, registered once for any organisation, serves the client: they consent to it and register nothing.
    """
    from console.connecting import m365 as work

    wanted = work.Wanted(provider, directory, client_id, cloud, stand_in, runbooks, shared)
    return _carry(work.connect, tenant, wanted, folder, person)


@connect.command(
    "aws",
    examples=(
        "tenantry connect aws acme --account 123456789012 --region eu-central-1 --region us-east-1 -o handover",
        "tenantry connect aws acme",
        "tenantry connect aws acme --renew -o handover",
    ),
)
@click.argument("tenant", metavar="T", shell_complete=complete.tenants)
@click.option("--account", metavar="ID", help="The client's account, twelve digits; once.")
@click.option("--region", "regions", multiple=True, metavar="REGION", help="Where the client has anything; once.")
@click.option("--role", metavar="NAME", help="What the role is called there; TenantryResponse unless said otherwise.")
@click.option(
    "--renew", is_flag=True, help="Have a new role under a new external id take the present one's place; once."
)
@click.option("--hub", metavar="ARN", help="The MSP's user or role that assumes it, where it cannot be asked.")
@click.option("--provider", default="aws", show_default=True, metavar="NAME", help="Its name in the tenant's file.")
@_RUNBOOKS
@_OUT
@_AS
@json_option
def aws(
    tenant: str,
    account: str | None,
    regions: tuple[str, ...],
    role: str | None,
    renew: bool,
    hub: str | None,
    provider: str,
    runbooks: tuple[str, ...],
    folder: Path | None,
    person: str | None,
) -> int:
    """AWS: a role in the client's account that trusts the MSP's hub alone, under an external id of the client's own.

    With --renew another role and external id take their place: made by the client beside the old one, proven, written into the client's
    file, and the old one tried until it is refused. The same command without --renew carries it on.
    """
    from console.connecting import aws as work

    wanted = work.Wanted(provider, account, regions, role, hub, runbooks, renew)
    return _carry(work.connect, tenant, wanted, folder, person)


def _carry(work: Any, tenant: str, wanted: Any, folder: Path | None, person: str | None) -> int:
    from console.session import actor, opened

    with opened() as installation:
        name = installation.tenants.get(tenant).name
        by = actor(installation, person, purpose="tenant.connect", tenant=name)
        installation.vault.create_tenant_key(name)
        found: Connecting = work(installation, name, wanted, by)
    if folder is not None:
        _write(folder, found)
    echo_json(found.as_dict()) if wants_json() else _print(found, folder)
    return found.exit_code


def _write(folder: Path, found: Connecting) -> None:
    from tenantry.errors import InvalidInput

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sheet in found.sheets:
            (folder / sheet.file).write_text(sheet.text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written ({error.strerror})", place="-o") from error


def _print(found: Connecting, folder: Path | None) -> None:
    from console.render import clean, table

    # Connected and proven, nobody is to be handed anything; -o writes it all the same, and --json has it.
    for sheet in found.sheets if folder is not None or not found.ok else ():
        click.echo(f"# {sheet.title}" + (f"  ({folder / sheet.file})" if folder is not None else ""))
        if folder is None:
            click.echo(sheet.text)
    for changed in found.changed:
        click.echo("# Written into the tenant's file")
        click.echo("\n".join(clean(line) for line in changed.splitlines()) + "\n")
    table(
        ("host", "port", "for"),
        ((e.host, e.port, e.purpose) for e in found.endpoints),
        title="This machine connects to",
    )
    if found.callers:
        click.echo(f"from {', '.join(found.callers)} (known_networks of estate.yaml)\n")
    shown = {"done": "done", "theirs": "the client is next", "failed": "NOT AS IT SHOULD BE"}
    table(("what", "how it stands", ""), ((s.id, shown[s.state], s.text) for s in found.steps), title="Connection")
