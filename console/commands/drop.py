"""`tenantry vault drop`, `drops` and `withdraw`: links through which a client's contact hands over credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console import complete
from console.cli import Group, echo_json, json_option, wants_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from flows.assembly import Installation
    from tenantry.drop import Expected, Made, Question
    from tenantry.home import Home
    from tenantry.run import Gate, RunState
    from tenantry.tenants import Contact

_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
_TASK = "vault.expect_credentials"


def join(family: Group) -> None:
    """Make them commands of the family."""

    @family.command(
        "drop",
        examples=(
            "tenantry vault drop --tenant acme --for jo --expect m365/client-secret --expect vpn/certificate:file",
            "tenantry vault drop --tenant acme --for jo --expect 'aws/root:password:Password of the AWS account' --expires 4h",
            "tenantry vault drop --run 3f2a91c0",
        ),
    )
    @click.option("--tenant", metavar="T", shell_complete=complete.tenants, help="Whose credentials.")
    @click.option("--for", "contact", metavar="CONTACT", help="The client's contact, by id or role.")
    @click.option(
        "--expect",
        "expected",
        multiple=True,
        metavar="NAME[:KIND[:TITLE]]",
        help="What is to be handed over, and as what it lies in the vault; may be repeated. "
        "KIND is password (default), text (a key, say) or file; TITLE is what the contact reads.",
    )
    @click.option(
        "--expires", metavar="DURATION", help="How long the link can be used: 45m, 4h, 7d. A day when left out."
    )
    @click.option("--run", metavar="RUN", shell_complete=complete.runs, help="Hand over what this run waits for.")
    @click.option("--step", metavar="STEP", help="With --run: the step, where several wait.")
    @click.option("--item", metavar="ITEM", help="With --run: whose, where a step asks several contacts.")
    @_AS
    @json_option
    def drop(
        tenant: str | None,
        contact: str | None,
        expected: tuple[str, ...],
        expires: str | None,
        run: str | None,
        step: str | None,
        item: str | None,
        person: str | None,
    ) -> None:
        """Make a one-time link through which CONTACT hands over credentials; it is printed this once.

        Each value is sealed in the contact's browser and opened where it goes into the vault. A contact who is enrolled
        (`tenantry contacts enroll`) shows the code of their app. For others a number is printed: call them on the number
        that you know, and tell it to them; never send it with the link.
        """
        from console.session import opened

        with opened() as installation:
            base = _base(installation.home)
            if run is not None:
                made, who = _for_run(installation, run, (step, item), expires, person, (tenant, contact, expected))
            else:
                made, who = _free(installation, tenant, contact, expected, expires, person)
            _print(made, f"{base}/drop/{made.drop.id}#{made.token.get_secret_value()}", who)
            _served(installation.home)

    @family.command("drops", examples=("tenantry vault drops", "tenantry vault drops --tenant acme --json"))
    @click.option("--tenant", metavar="T", shell_complete=complete.tenants, help="Only this client's.")
    @json_option
    def drops(tenant: str | None) -> None:
        """Links that were made, newest first: for whom, how they stand, and what has not come."""
        from console.session import opened

        with opened() as installation:
            installation.drops.tend()
            found = [one.as_dict() | {"missing": list(one.missing)} for one in installation.drops.list(tenant)]
            if wants_json():
                echo_json(found)
                return
            from console.render import moment, table

            table(
                ("drop", "tenant", "contact", "status", "until", "received", "missing"),
                (
                    (
                        one["drop"],
                        one["tenant"],
                        one["contact"],
                        one["status"],
                        moment(one["expires_at"]),
                        f"{len(one['credentials']) - len(one['missing'])} of {len(one['credentials'])}",
                        ", ".join(one["missing"]),
                    )
                    for one in found
                ),
            )

    @family.command("withdraw", examples=("tenantry vault withdraw 5f0c2a9be1d4c7aa --as ann.lee",))
    @click.argument("drop_id", metavar="DROP")
    @_AS
    @json_option
    def withdraw(drop_id: str, person: str | None) -> None:
        """End a link early. What came through it stays in the vault."""
        from console.session import actor, opened

        with opened() as installation:
            found = installation.drops.get(drop_id)
            by = actor(installation, person, purpose="vault.withdraw", tenant=found.tenant)
            shown = installation.drops.withdraw(drop_id, by=by.as_dict()).as_dict()
            if wants_json():
                echo_json(shown)
            else:
                click.echo(f"{drop_id} is {shown['status']}")


def _free(
    installation: Installation,
    tenant: str | None,
    contact: str | None,
    expected: Sequence[str],
    expires: str | None,
    person: str | None,
) -> tuple[Made, Contact]:
    from tenantry.drop import Expected
    from tenantry.errors import InvalidInput

    if tenant is None or contact is None or not expected:
        raise InvalidInput("say --tenant, --for and --expect, or --run", place="vault drop")
    wanted = [Expected.parse(text) for text in expected]
    return _made(installation, tenant, contact, wanted, _life(expires or "24h"), person)


def _for_run(
    installation: Installation,
    run: str,
    where: tuple[str | None, str | None],
    expires: str | None,
    person: str | None,
    others: tuple[object, ...],
) -> tuple[Made, Contact]:
    from console.session import find_run
    from tasks.vault.expect_credentials import ExpectCredentialsParams
    from tenantry.clock import parse_rfc3339
    from tenantry.drop import LONGEST_LIFE, Expected, Question
    from tenantry.drop.store import LATE
    from tenantry.errors import InvalidInput

    if any(others):
        raise InvalidInput("the run says whose, from whom and what", place="--run")
    state = find_run(installation, run)
    gate = _waiting(state, *where)
    params = ExpectCredentialsParams.model_validate(gate.request["bound"]["arguments"])
    # Before the question does: what the drop takes at the last moment, the run still takes.
    rest = min(parse_rfc3339(gate.request["expires_at"]) - LATE - installation.journal.clock.now(), LONGEST_LIFE)
    life = min(rest, _life(expires)) if expires is not None else rest
    question = Question(state.run_id, gate.step, gate.item, gate.digest, state.attempt, (state.runbook, state.version))
    wanted = [Expected(one.name, one.kind, one.title) for one in params.expect]
    return _made(installation, state.tenant, params.contact, wanted, life, person, question)


def _life(text: str) -> timedelta:
    """Raises InvalidInput: not a duration."""
    from tenantry.errors import InvalidInput
    from tenantry.runbook.model import parse_duration

    try:
        return parse_duration(text)
    except InvalidInput as error:
        raise InvalidInput(error.message, place="--expires", remedy=error.remedy) from error


def _waiting(state: RunState, step: str | None, item: str | None) -> Gate:
    from tenantry.errors import InvalidInput, NotFound

    gates = [
        gate
        for gate in ([] if state.ended is not None else state.open_gates())
        if gate.request["bound"].get("task") == _TASK and step in (None, gate.step) and item in (None, gate.item)
    ]
    if not gates:
        raise NotFound("the run waits for no credentials there", place="--run")
    if len(gates) > 1:
        named = ", ".join(f"{gate.step} {gate.item or ''}".strip() for gate in gates)
        raise InvalidInput(f"several wait: {named}", place="--run", remedy="Name one with --step and --item.")
    return gates[0]


def _made(
    installation: Installation,
    tenant: str,
    contact: str,
    wanted: list[Expected],
    life: timedelta,
    person: str | None,
    question: Question | None = None,
) -> tuple[Made, Contact]:
    from console.session import actor

    found = installation.tenants.get(tenant)
    who = found.contact(contact)
    if found.name not in installation.vault.tenants():
        installation.vault.create_tenant_key(found.name)
    by = actor(installation, person, purpose="vault.drop", tenant=found.name)
    shown = {"msp": installation.estate.name, "client": found.display_name, "contact": who.name}
    made = installation.drops.make(
        found.name, who.id, wanted, life=life, shown=shown, by=by.as_dict(), question=question
    )
    return made, who


def _base(home: Home) -> str:
    """Where the console is reached.

    Raises:
        Conflict: it never ran here.
    """
    import json

    from tenantry.errors import Conflict

    try:
        return str(json.loads(home.console_file.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Conflict("nothing here can serve the link", remedy="Start the service first: `tenantry up`.") from None


def _served(home: Home) -> None:
    from flows.server import find

    if find(home) is None:
        click.echo("tenantry: the link works while the service runs: `tenantry up`", err=True)


def _print(made: Made, link: str, contact: Contact) -> None:
    pin = made.pin.get_secret_value() if made.pin is not None else None
    if wants_json():
        echo_json(made.drop.as_dict() | {"link": link, "pin": pin})
        return
    from console.render import moment

    click.echo(link)
    click.echo(
        f"For {contact.name}, until {moment(made.drop.as_dict()['expires_at'])}. It is not shown again.", err=True
    )
    if pin is None:
        click.echo("They prove themselves with the code of their app.", err=True)
    else:
        where = contact.phone or "a number that you know"
        click.echo(f"Number: {pin[:4]} {pin[4:]}")
        click.echo(f"Call them on {where} and tell them this number. Never send it with the link.", err=True)
