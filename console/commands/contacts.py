"""The clients' contacts: their codes, and the proof that a caller is who they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import command, echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from console.session import Actor
    from flows.assembly import Installation
    from tenantry.tenants import Contact

_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
_TENANT = click.argument("tenant", metavar="T", shell_complete=complete.tenants)
_CONTACT = click.argument("contact", metavar="CONTACT")


@group(
    "contacts",
    examples=(
        "tenantry contacts list acme",
        "tenantry contacts enroll acme jo --as ann.lee",
    ),
)
def contacts() -> None:
    """Contacts of clients, as their tenant file names them, and the codes by which they prove who they are.

    Once estate.yaml exists, enrolling, disabling and unlocking take somebody with its role enroll_contact_needs, who proves it:
    whoever is enrolled as a contact is that contact from then on.
    """


@contacts.command("list", examples=("tenantry contacts list acme", "tenantry contacts list acme --json"))
@_TENANT
@json_option
def list_contacts(tenant: str) -> None:
    """A client's contacts, and which of them have a code."""
    from console.session import opened

    with opened() as installation:
        found = installation.tenants.get(tenant)
        enrolled = {one.contact: one.as_dict() for one in installation.contacts.list(found.name)}
        rows: list[dict[str, Any]] = [
            {
                "contact": contact.id,
                "name": contact.name,
                "role": contact.role,
                "phone": contact.phone,
                "email": contact.email,
                **{
                    key: enrolled.get(contact.id, {}).get(key) for key in ("enrolled_at", "verified_at", "locked_until")
                },
            }
            for contact in found.contacts
        ]
        if wants_json():
            echo_json(rows)
            return
        from console.render import moment, table

        table(
            ("contact", "name", "role", "enrolled", "last proof", "locked until"),
            (
                (
                    row["contact"],
                    row["name"],
                    row["role"],
                    moment(row["enrolled_at"]) or "no",
                    moment(row["verified_at"]),
                    moment(row["locked_until"]),
                )
                for row in rows
            ),
        )


@contacts.command(
    "enroll", examples=("tenantry contacts enroll acme jo", "tenantry contacts enroll acme jo --as ann.lee")
)
@_TENANT
@_CONTACT
@_AS
@json_option
def enroll(tenant: str, contact: str, person: str | None) -> None:
    """Give CONTACT a new secret for their authenticator app, as a QR code and an otpauth address. It is shown once; an earlier one
    stops working. Hand it over in person, or in a call that you made to the number in the tenant's file."""
    from console.session import opened

    with opened() as installation:
        who, by = _trusted(installation, tenant, contact, person, "contacts.enroll")
        made = installation.contacts.enroll(tenant, who.id, by=by.as_dict(), label=who.email or who.id)
        uri = made.otpauth_uri.get_secret_value()
        if wants_json():
            echo_json({"tenant": tenant, "contact": who.id, "otpauth_uri": uri})
            return
        import sys

        if sys.stdout.isatty():
            click.echo(made.qr_text())
        click.echo(uri)


@contacts.command("disable", examples=("tenantry contacts disable acme jo --as ann.lee",))
@_TENANT
@_CONTACT
@_AS
@json_option
def disable(tenant: str, contact: str, person: str | None) -> None:
    """Take CONTACT's code away; its secret is deleted. Also for somebody who no longer stands in the tenant's file."""
    from console.session import opened, trusted

    with opened() as installation:
        name = installation.tenants.get(tenant).name
        by = trusted(
            installation,
            person,
            purpose="contacts.disable",
            tenant=name,
            needs=lambda roles: roles.enroll_contact_needs,
        )
        installation.contacts.disable(name, contact, by=by.as_dict())
        _say({"tenant": name, "contact": contact, "enrolled": False}, f"{contact} has no code any more")


@contacts.command("unlock", examples=("tenantry contacts unlock acme jo --as ann.lee",))
@_TENANT
@_CONTACT
@_AS
@json_option
def unlock(tenant: str, contact: str, person: str | None) -> None:
    """End the lock that too many wrong codes brought on CONTACT."""
    from console.session import opened

    with opened() as installation:
        who, by = _trusted(installation, tenant, contact, person, "contacts.unlock")
        installation.contacts.unlock(tenant, who.id, by=by.as_dict())
        _say({"tenant": tenant, "contact": who.id, "locked_until": None}, f"{who.id} is not locked")


@command(
    "verify-caller",
    examples=(
        "tenantry verify-caller acme jo --purpose 'password reset of dana'",
        "tenantry verify-caller acme primary --purpose 'payment details' --json < code.txt",
    ),
)
@_TENANT
@_CONTACT
@click.option("--purpose", required=True, metavar="PURPOSE", help="What for; the proof counts for nothing else.")
@click.option(
    "--method", type=click.Choice(["totp"]), default="totp", show_default=True, help="How: the code of their app."
)
@_AS
@json_option
def verify_caller(tenant: str, contact: str, purpose: str, method: str, person: str | None) -> None:
    """Make sure that a caller is CONTACT: they read out the code that their app shows now, which is typed here or read from stdin.

    Good for this purpose and a quarter of an hour. Wrong codes are counted and recorded; five in a row lock the contact. With --as,
    the first code is that person's.
    """
    del method  # one so far
    from console import ask
    from console.session import actor, opened
    from tenantry.errors import InvalidInput

    if not 0 < len(purpose.strip()) <= 200 or not purpose.isprintable():
        raise InvalidInput("one line of at most 200 characters", place="--purpose")
    with opened() as installation:
        who = _known(installation, tenant, contact)
        by = actor(installation, person, purpose="verify-caller", tenant=tenant)
        proof = installation.contacts.verify(tenant, who.id, ask.code(who.id), purpose=purpose.strip(), by=by.as_dict())
        shown = proof.as_dict()
        from console.render import moment

        _say(shown, f"{who.name} ({who.id}) is proven for: {shown['purpose']}, until {moment(shown['expires_at'])}")


def _known(installation: Installation, tenant: str, contact: str) -> Contact:
    return installation.tenants.get(tenant).contact(contact)


def _trusted(
    installation: Installation, tenant: str, contact: str, person: str | None, purpose: str
) -> tuple[Contact, Actor]:
    from console.session import trusted

    found = installation.tenants.get(tenant)
    who = found.contact(contact)
    if found.name not in installation.vault.tenants():
        installation.vault.create_tenant_key(found.name)
    by = trusted(
        installation, person, purpose=purpose, tenant=found.name, needs=lambda roles: roles.enroll_contact_needs
    )
    return who, by


def _say(shown: dict[str, Any], text: str) -> None:
    if wants_json():
        echo_json(shown)
    else:
        click.echo(text)
