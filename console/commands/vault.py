"""The tenants' secrets. A value comes from a prompt or stdin and is printed only when that is asked for and recorded."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json
from console.commands import drop

if TYPE_CHECKING:
    from console.session import Actor
    from flows.assembly import Installation
    from tenantry.vault import SecretVersion

_TENANT = click.option(
    "--tenant",
    required=True,
    metavar="T",
    shell_complete=complete.tenants,
    help="Whose secret; _msp is the estate's own.",
)
_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")


@group(
    "vault",
    examples=(
        "tenantry vault put --tenant acme m365/client-secret < secret.txt",
        "tenantry vault list --tenant acme",
        "tenantry vault show --tenant acme m365/client-secret --reveal",
    ),
)
def vault() -> None:
    """Secrets, each tenant's under a key of its own. Files refer to one as vault:TENANT/NAME."""


drop.join(vault)


@vault.command(
    "put",
    examples=(
        "tenantry vault put --tenant acme m365/client-secret",
        "tenantry vault put --tenant acme m365/certificate --kind certificate --expires 2027-11-01T00:00:00Z < app.pem",
    ),
)
@_TENANT
@click.argument("name", metavar="NAME")
@click.option("--kind", default="opaque", show_default=True, metavar="KIND", help="What it is, for lists.")
@click.option("--expires", metavar="TIME", help="When the vendor stops taking it: a reminder.")
@json_option
def put(tenant: str, name: str, kind: str, expires: str | None) -> None:
    """Store a secret as the next version of NAME. It is read from a prompt, or all of stdin; never from an argument."""
    from console import ask
    from console.session import opened
    from tenantry.names import check_secret_name

    check_secret_name(name)
    until = _time(expires)
    with opened() as installation:
        _ready(installation, tenant)
        stored = installation.vault.put(tenant, name, ask.new_secret(name), kind=kind, expires_at=until)
        _record(installation, tenant, "vault.put", {"name": name, "version": stored.version, "kind": kind})
        _print(stored)


@vault.command("list", examples=("tenantry vault list --tenant acme --json",))
@_TENANT
@json_option
def list_secrets(tenant: str) -> None:
    """The names of a tenant's secrets with their newest versions. Nothing is opened."""
    from console.session import opened

    with opened() as installation:
        _ready(installation, tenant)
        stored = installation.vault.list(tenant)
        if wants_json():
            echo_json([_shown(version) for version in stored])
            return
        from console.render import moment, table

        table(
            ("name", "version", "kind", "stored", "expires", "reference"),
            (
                (s["name"], s["version"], s["kind"], moment(s["created_at"]), moment(s["expires_at"]), s["reference"])
                for s in map(_shown, stored)
            ),
        )


@vault.command(
    "show",
    examples=(
        "tenantry vault show --tenant acme m365/client-secret",
        "tenantry vault show --tenant acme m365/client-secret --reveal --as ann.lee",
    ),
)
@_TENANT
@click.argument("name", metavar="NAME")
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="That version instead of the newest.")
@click.option("--reveal", is_flag=True, help="Print the secret itself; who did is recorded first.")
@_AS
@json_option
def show(tenant: str, name: str, version: int | None, reveal: bool, person: str | None) -> None:
    """What is known of a secret: versions, kind, times. The value only with --reveal.

    Once estate.yaml exists, --reveal takes somebody with its role reveal_needs, who proves it.
    """
    from console.session import opened, trusted
    from tenantry.errors import NotFound
    from tenantry.names import check_secret_name

    check_secret_name(name)
    with opened() as installation:
        _ready(installation, tenant)
        known = installation.vault.versions(tenant, name)
        chosen = next((v for v in known if version is None or v.version == version), None)
        if chosen is None:
            raise NotFound(
                f"{tenant} has no such secret", place="NAME", remedy="`tenantry vault list` shows what there is."
            )
        if not reveal:
            _print(chosen, versions=[v.version for v in known])
            return
        by = trusted(installation, person, purpose="vault.show", tenant=tenant, needs=lambda roles: roles.reveal_needs)
        value = installation.vault.get(tenant, name, chosen.version, purpose="shown on the command line")
        _record(installation, tenant, "vault.shown", {"name": name, "version": chosen.version}, by)
        _reveal(chosen, value.get_secret_value())


def _reveal(version: SecretVersion, value: bytes) -> None:
    try:
        text: str | None = value.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    if not wants_json():
        click.echo(value if text is None else text)
        return
    import base64

    encoded = {"value": text} if text is not None else {"value_base64": base64.b64encode(value).decode()}
    echo_json(_shown(version) | encoded)


@vault.command("delete", examples=("tenantry vault delete --tenant acme m365/client-secret",))
@_TENANT
@click.argument("name", metavar="NAME")
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="That version alone.")
@_AS
@json_option
def delete(tenant: str, name: str, version: int | None, person: str | None) -> None:
    """Delete a secret, all its versions or one, for good."""
    from console.session import actor, opened

    with opened() as installation:
        _ready(installation, tenant)
        by = actor(installation, person, purpose="vault.delete", tenant=tenant)
        gone = installation.vault.delete(tenant, name, version)
        _record(installation, tenant, "vault.deleted", {"name": name, "version": version, "versions_gone": gone}, by)
        if wants_json():
            echo_json({"tenant": tenant, "name": name, "versions_gone": gone})
        else:
            click.echo(f"{gone} version{'s' if gone != 1 else ''} of {name} deleted")


def _ready(installation: Installation, tenant: str) -> None:
    """The tenant is known and has its key, also when its file was put in place by hand."""
    from tenantry.names import MSP

    if tenant != MSP and tenant not in installation.vault.tenants():
        installation.vault.create_tenant_key(installation.tenants.get(tenant).name)


def _record(
    installation: Installation, tenant: str, event: str, payload: dict[str, Any], by: Actor | None = None
) -> None:
    from console.session import Actor
    from tenantry.journal import Event

    who = by or Actor(None, proven=False)
    installation.journal.append(tenant, [Event(event, payload | {"by": who.as_dict()})])


def _time(text: str | None) -> datetime | None:
    from tenantry.errors import InvalidInput

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInput("is not a time with a zone", place="--expires", remedy="Write it like 2027-11-01T00:00:00Z.")
    return at


def _shown(version: SecretVersion) -> dict[str, Any]:
    from tenantry.clock import rfc3339

    return {
        "tenant": version.tenant,
        "name": version.name,
        "version": version.version,
        "kind": version.kind,
        "created_at": rfc3339(version.created_at),
        "expires_at": rfc3339(version.expires_at) if version.expires_at else None,
        "metadata": dict(version.metadata),
        "reference": str(version.ref),
    }


def _print(version: SecretVersion, versions: list[int] | None = None) -> None:
    shown = _shown(version)
    if versions is not None:
        shown["versions"] = versions
    if wants_json():
        echo_json(shown)
        return
    from console.render import fields, moment

    fields(
        [
            ("reference", shown["reference"]),
            ("version", shown["version"]),
            ("versions kept", ", ".join(map(str, versions or []))),
            ("kind", shown["kind"]),
            ("stored", moment(shown["created_at"])),
            ("expires", moment(shown["expires_at"])),
            *sorted(shown["metadata"].items()),
        ]
    )
