"""The MSP's people: who there is, what they may do, and their enrolment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.people import Authenticated, Person

_ROLES = click.Choice(["engineer", "lead", "approver", "auditor"])
_BY = click.option(
    "--as", "by", metavar="PERSON", help="The approver who authorises it; their code is asked for, or read from stdin."
)
_TENANTS = click.option(
    "--tenant",
    "tenants",
    multiple=True,
    metavar="T",
    shell_complete=complete.tenants,
    help="A client they may touch; may be repeated; '*' is every one.",
)


@group(
    "people",
    examples=(
        "tenantry people add ann.lee --name 'Ann Lee' --role approver --tenant '*'",
        "tenantry people enroll ann.lee",
        "tenantry people list --json",
    ),
)
def people() -> None:
    """Who may do what, and how they prove who they are.

    Making, changing or disabling an approver takes the code of another one (--as), except for the very first.
    """


@people.command("list", examples=("tenantry people list", "tenantry people list --json"))
@json_option
def list_people() -> None:
    """Everybody, the disabled too."""
    from console.session import opened

    with opened() as installation:
        everybody = installation.people.list()
        if wants_json():
            echo_json([person.as_dict() for person in everybody])
            return
        from console.render import moment, table

        table(
            ("id", "name", "roles", "tenants", "enrolled", "disabled"),
            (
                (
                    shown["id"],
                    shown["name"],
                    ", ".join(shown["roles"]),
                    ", ".join(shown["tenants"]),
                    moment(shown["enrolled_at"]) or "no",
                    moment(shown["disabled_at"]),
                )
                for shown in (person.as_dict() for person in everybody)
            ),
        )


@people.command(
    "add",
    examples=("tenantry people add sam.eng --name 'Sam Eng' --role engineer --tenant acme --email sam@msp.example",),
)
@click.argument("person", metavar="PERSON")
@click.option("--name", metavar="NAME", help="As people call them; the id when left out.")
@click.option("--role", "roles", multiple=True, required=True, type=_ROLES, help="May be repeated.")
@_TENANTS
@click.option("--email", default="", metavar="ADDRESS", help="Where they are reached.")
@json_option
def add(person: str, name: str | None, roles: tuple[Any, ...], tenants: tuple[str, ...], email: str) -> None:
    """Add PERSON (an id such as ann.lee, never used again for somebody else). They can do nothing until enrolled."""
    from console.session import opened

    with opened() as installation:
        _print(installation.people.add(person, name or person, roles, _scope(tenants), email))


def _scope(tenants: tuple[str, ...]) -> tuple[str, ...]:
    from tenantry.errors import InvalidInput

    if not tenants:
        raise InvalidInput("at least one is needed", place="--tenant", remedy="Name a client, or '*' for every one.")
    return tenants


@people.command("enroll", examples=("tenantry people enroll ann.lee", "tenantry people enroll bob --as ann.lee --json"))
@click.argument("person", metavar="PERSON")
@_BY
@json_option
def enroll(person: str, by: str | None) -> None:
    """Give PERSON a new secret for their authenticator app, as a QR code and an otpauth address. It is shown once; an
    earlier one stops working."""
    from console.session import opened

    with opened() as installation:
        installation.people.get(person)
        made = installation.people.enroll(person, by=_proof(installation, by, "enroll", person))
        uri = made.otpauth_uri.get_secret_value()
        if wants_json():
            echo_json(installation.people.get(person).as_dict() | {"otpauth_uri": uri})
            return
        import sys

        click.echo(f"{person} is enrolled from now on, and can answer for runs that begin after this.", err=True)
        if sys.stdout.isatty():
            click.echo(made.qr_text())
        click.echo(uri)


@people.command("disable", examples=("tenantry people disable ann.lee --as bob",))
@click.argument("person", metavar="PERSON")
@_BY
@json_option
def disable(person: str, by: str | None) -> None:
    """Take away all that PERSON may do, at once; their secret is deleted."""
    from console.session import opened

    with opened() as installation:
        installation.people.get(person)
        _print(installation.people.disable(person, by=_proof(installation, by, "disable", person)))


@people.command("enable", examples=("tenantry people enable ann.lee --as bob",))
@click.argument("person", metavar="PERSON")
@_BY
@json_option
def enable(person: str, by: str | None) -> None:
    """Let PERSON back, to be enrolled anew."""
    from console.session import opened

    with opened() as installation:
        installation.people.get(person)
        _print(installation.people.enable(person, by=_proof(installation, by, "enable", person)))


@people.command(
    "change", examples=("tenantry people change sam.eng --role engineer --role lead --tenant acme --tenant globex",)
)
@click.argument("person", metavar="PERSON")
@click.option("--role", "roles", multiple=True, type=_ROLES, help="The roles from now on; may be repeated.")
@_TENANTS
@_BY
@json_option
def change(person: str, roles: tuple[Any, ...], tenants: tuple[str, ...], by: str | None) -> None:
    """Set PERSON's roles or tenants. Who is given more cannot answer for runs that began before."""
    from console.session import opened
    from tenantry.errors import InvalidInput

    if not roles and not tenants:
        raise InvalidInput("say what changes: --role or --tenant", place="people change")
    with opened() as installation:
        installation.people.get(person)
        proof = _proof(installation, by, "change", person)
        _print(installation.people.change(person, roles=roles or None, tenants=tenants or None, by=proof))


@people.command("unlock", examples=("tenantry people unlock sam.eng --as ann.lee",))
@click.argument("person", metavar="PERSON")
@click.option("--as", "by", required=True, metavar="PERSON", help="The approver who authorises it, with their code.")
@json_option
def unlock(person: str, by: str) -> None:
    """End the lock that too many wrong codes brought on PERSON."""
    from console import ask
    from console.session import opened
    from tenantry.people import act_purpose

    with opened() as installation:
        installation.people.get(person)
        proof = installation.people.authenticate(by, ask.code(by), purpose=act_purpose("unlock", person))
        installation.people.unlock(person, by=proof)
        _print(installation.people.get(person))


def _proof(installation: Installation, by: str | None, act: str, person: str) -> Authenticated | None:
    if by is None:
        return None
    from console import ask
    from tenantry.people import act_purpose

    return installation.people.authenticate(by, ask.code(by), purpose=act_purpose(act, person))


def _print(person: Person) -> None:
    shown = person.as_dict()
    if wants_json():
        echo_json(shown)
        return
    from console.render import fields, moment

    fields(
        [
            ("id", shown["id"]),
            ("name", shown["name"]),
            ("roles", ", ".join(shown["roles"])),
            ("tenants", ", ".join(shown["tenants"])),
            ("email", shown["email"]),
            ("enrolled", moment(shown["enrolled_at"]) or "no"),
            ("disabled", moment(shown["disabled_at"])),
        ]
    )
