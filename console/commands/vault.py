"""The tenants' secrets. A value comes from a prompt or stdin and is printed only when that is asked for and recorded."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json
from console.commands import drop, rotate

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
rotate.join(vault)


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
@click.option("--rotate-by", metavar="TIME", help="When it is to be replaced, at the latest: a reminder.")
@click.option(
    "--expect", type=click.IntRange(min=0), metavar="N", help="Only if version N is the newest now (0: there is none)."
)
@json_option
def put(tenant: str, name: str, kind: str, expires: str | None, rotate_by: str | None, expect: int | None) -> None:
    """Store a secret as the next version of NAME. It is read from a prompt, or all of stdin; never from an argument."""
    from console import ask
    from console.session import opened
    from tenantry.names import check_secret_name

    check_secret_name(name)
    until, rotate_at = _time(expires), _time(rotate_by)
    with opened() as installation:
        _ready(installation, tenant)
        stored = installation.vault.put(
            tenant, name, ask.new_secret(name), kind=kind, expires_at=until, rotate_at=rotate_at, expect=expect
        )
        _record(installation, tenant, "vault.put", {"name": name, "version": stored.version, "kind": kind})
        _print(stored)


@vault.command("list", examples=("tenantry vault list --tenant acme --json",))
@_TENANT
@json_option
def list_secrets(tenant: str) -> None:
    """The names of a tenant's secrets with their newest versions, and what expires or is to be replaced soon. Nothing is opened."""
    from console.session import opened

    with opened() as installation:
        _ready(installation, tenant)
        from tenantry.secretlife import due, limits_of

        limits = limits_of(installation.tenants)(tenant)
        stored = installation.vault.list(tenant)
        warnings = {one.name: one.text for one in due(stored, installation.journal.clock.now(), limits=limits)}
        if wants_json():
            echo_json([_shown(version) | {"warning": warnings.get(version.name)} for version in stored])
            return
        from console.render import moment, table

        table(
            ("name", "version", "kind", "stored", "expires", "reference", "warning"),
            (
                (
                    *(s["name"], s["version"], s["kind"], moment(s["created_at"]), moment(s["expires_at"])),
                    *(s["reference"], warnings.get(s["name"], "")),
                )
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
        done = installation.vault.delete(tenant, name, version)
        shown = {
            "versions_gone": done.versions,
            "proven": done.proven,
            "recoverable_until": _rfc3339(done.recoverable_until),
        }
        _record(installation, tenant, "vault.deleted", {"name": name, "version": version, **shown}, by)
        if wants_json():
            echo_json({"tenant": tenant, "name": name, **shown, "how": done.how})
            return
        click.echo(f"{done.versions} version{'s' if done.versions != 1 else ''} of {name} deleted: {done.how}")
        if not done.proven:
            until = f" until {done.recoverable_until:%Y-%m-%d}" if done.recoverable_until else ""
            click.echo(f"tenantry: the store can still bring it back{until}", err=True)


@vault.command(
    "move",
    examples=(
        "tenantry vault move --tenant acme --to bao",
        "tenantry vault move --tenant acme --to embedded --as ann.lee",
    ),
)
@_TENANT
@click.option("--to", "store", metavar="STORE", help="Where to: embedded, or a store of estate.yaml.")
@click.option("--cancel", is_flag=True, help="Give up a move that was interrupted before it switched.")
@_AS
@json_option
def move(tenant: str, store: str | None, cancel: bool, person: str | None) -> None:
    """Move all secrets of a tenant to another store: copied, proven equal, switched, deleted in the old one, and looked for there.

    Interrupted at any point nothing is lost; the same command finishes it. Meanwhile nothing can be stored for this tenant.
    """
    from console.session import actor, opened
    from tenantry import vaultmove
    from tenantry.errors import InvalidInput

    if (store is None) != cancel:
        raise InvalidInput("is either a store to move to, or --cancel", place="--to")
    with opened() as installation:
        _ready(installation, tenant)
        by = actor(installation, person, purpose="vault.move", tenant=tenant)

        def record(event: str, payload: dict[str, Any]) -> None:
            _record(installation, tenant, event, payload, by)

        if store is None:
            gone = vaultmove.cancel_move(installation.vault, tenant, record)
            echo_json({"tenant": tenant, "copies_deleted": gone}) if wants_json() else click.echo(
                f"{gone} copies deleted"
            )
            return
        done = vaultmove.move(installation.vault, tenant, store, record)
        changed = installation.vault.wished_store(tenant) != store and installation.tenants.set_secret_store(
            tenant, store
        )
        if wants_json():
            echo_json(done.model_dump(mode="json") | {"recoverable_until": _rfc3339(done.recoverable_until)})
            return
        click.echo(f"{done.secrets} secrets of {tenant} lie in {done.target}, read back and equal")
        click.echo(f"{done.source}: " + ("nothing is left" if done.deleted else "the store can still bring them back"))
        if changed:
            click.echo(f"tenants/{tenant}.yaml says so now")


@vault.command("stores", examples=("tenantry vault stores", "tenantry vault stores --json"))
@json_option
def stores() -> int:
    """The secret stores, whether each can be used, and whose secrets lie where. Exit code 1: one cannot."""
    from console.session import opened
    from tenantry.secretstore import EMBEDDED

    with opened() as installation:
        vault = installation.vault
        shown: list[dict[str, Any]] = []
        placed = {tenant: vault.placement(tenant) for tenant in vault.tenants()}
        for name in (EMBEDDED, *installation.estate.secret_stores):
            checked = vault.store(name).check()
            shown.append(
                {
                    "name": name,
                    "vendor": vault.store(name).vendor,
                    "ok": checked.ok,
                    "problems": list(checked.problems),
                    "facts": dict(checked.facts),
                    "tenants": sorted(tenant for tenant, at in placed.items() if at.store == name),
                    "moving_here": sorted(tenant for tenant, at in placed.items() if at.moving_to == name),
                    "still_here": sorted(tenant for tenant, at in placed.items() if at.leaving == name),
                }
            )
        if wants_json():
            echo_json(shown)
        else:
            from console.render import table

            table(
                ("store", "kind", "usable", "tenants", "problems"),
                (
                    (s["name"], s["vendor"], "yes" if s["ok"] else "no", len(s["tenants"]), " ".join(s["problems"]))
                    for s in shown
                ),
            )
        return 0 if all(s["ok"] for s in shown) else 1


@vault.command(
    "rotate-master", examples=("tenantry vault rotate-master", "tenantry vault rotate-master --passphrase --as ann.lee")
)
@click.option("--passphrase", is_flag=True, help="The new master key comes from a passphrase instead of a key file.")
@_AS
@json_option
def rotate_master(passphrase: bool, person: str | None) -> None:
    """Make a new master key and wrap every tenant's key with it, all or nothing. Secrets, record and evidence stay as they are.

    Backups that were made before need the key of their own time. A running service starts its broker with the new key by itself;
    with a passphrase it has to be started again.
    """
    from console import ask
    from console.session import opened, trusted
    from tenantry.names import MSP

    with opened() as installation:
        by = trusted(installation, person, purpose="vault.rotate", tenant=MSP, needs=lambda roles: roles.reveal_needs)
        words = ask.new_passphrase("the vault") if passphrase else None
        _record(installation, MSP, "vault.master.rotating", {"source": "passphrase" if words else "file"}, by)
        installation.vault.rotate_master(None if words is None else lambda: words)
        wrapped = len(installation.vault.tenants()) + 1
        _record(installation, MSP, "vault.master.rotated", {"keys": wrapped}, by)
        echo_json({"keys": wrapped}) if wants_json() else click.echo(f"{wrapped} keys are wrapped by a new master key")


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


def _rfc3339(at: datetime | None) -> str | None:
    from tenantry.clock import rfc3339

    return rfc3339(at) if at else None


def _shown(version: SecretVersion) -> dict[str, Any]:
    from tenantry.clock import rfc3339

    return {
        "tenant": version.tenant,
        "name": version.name,
        "version": version.version,
        "kind": version.kind,
        "created_at": rfc3339(version.created_at),
        "expires_at": _rfc3339(version.expires_at),
        "rotate_at": _rfc3339(version.rotate_at),
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
            ("to be replaced by", moment(shown["rotate_at"])),
            *sorted(shown["metadata"].items()),
        ]
    )
