"""A client's risk register: what is open, who answers for it, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.risk.model import Risk
    from tenantry.risk.register import RiskRegister

_TENANT = click.argument("tenant", metavar="T", shell_complete=complete.tenants)
_RISK = click.argument("risk", metavar="RISK")
_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
_OWNER = click.option("--owner", metavar="WHO", help="Who answers for it: a person of the estate, or a contact of T.")
_REVIEW = click.option("--review", "review", metavar="DATE", help="When it is looked at again: 2027-03-31.")
_LEVELS = "very_low, low, moderate, high or very_high"


@group(
    "risks",
    examples=(
        "tenantry risks list acme",
        "tenantry risks add acme --risk 'One person alone knows the firewall' --likelihood moderate --impact high",
        "tenantry risks treat acme r3f2a91c0aa --treatment mitigate --reason 'MFA for all until March' --owner sam.eng",
    ),
)
def risks() -> None:
    """The risk register of each client: likelihood, impact, treatment, owner, day of review, and where a risk came from.

    Levels are those of NIST SP 800-30. Every change is an entry of the client's record; the register is made from them and kept nowhere
    else. Findings open their risks where clients are taken on and in each compliance sweep.
    """


@risks.command("list", examples=("tenantry risks list acme", "tenantry risks list acme --all --json"))
@_TENANT
@click.option("--all", "every", is_flag=True, help="Closed and withdrawn ones too.")
@json_option
def list_risks(tenant: str, every: bool) -> None:
    """What is open for T, the heaviest first."""
    from console.session import opened

    with opened() as installation:
        register = _register(installation, tenant).read()
        today = installation.journal.clock.now().date()
    shown = register.sorted(register.risks.values()) if every else register.open()
    if wants_json():
        echo_json([_shown(one, today) for one in shown])
        return
    from console.render import table

    table(
        ("risk", "level", "what", "treatment", "owner", "review", "from"),
        [
            (
                one.id,
                one.level.replace("_", " "),
                one.title if one.status == "open" else f"{one.title} ({one.status})",
                one.treatment or "not decided",
                one.owner or "nobody yet",
                f"{one.review_on.isoformat()}{' (overdue)' if one.overdue(today) else ''}",
                one.source.kind,
            )
            for one in shown
        ],
        title=f"Risks of {tenant}",
    )
    if register.erased:
        click.echo(f"tenantry: {register.erased} entries of the register were erased: it is not whole", err=True)


@risks.command("show", examples=("tenantry risks show acme r3f2a91c0aa", "tenantry risks show acme r3f2a --json"))
@_TENANT
@_RISK
@json_option
def show(tenant: str, risk: str) -> None:
    """One risk of T with its history."""
    from console.session import opened

    with opened() as installation:
        held = _register(installation, tenant)
        register = held.read()
        found = held.find(register, risk)
        today = installation.journal.clock.now().date()
    if wants_json():
        echo_json({**_shown(found, today), "history": register.history[found.id]})
        return
    from console.render import fields, moment, table

    about = f" ({', '.join(found.source.about)})" if found.source.about else ""
    fields(
        [
            ("risk", found.id),
            ("what", found.title),
            ("detail", found.detail),
            ("level", f"{found.level} (likelihood {found.likelihood}, impact {found.impact})"),
            ("treatment", f"{found.treatment or 'not decided'}{f': {found.reason}' if found.reason else ''}"),
            ("owner", found.owner or "nobody yet"),
            ("review", found.review_on.isoformat()),
            ("status", found.status),
            ("from", f"{found.source.kind} {found.source.ref}{about}"),
            ("remedy", found.remedy),
        ]
    )
    table(
        ("when", "what", "by", "why", "changed"),
        [
            (
                moment(one["at"]),
                one["event"].removeprefix("risk."),
                one["by"],
                one["why"],
                ", ".join(sorted(one["set"])),
            )
            for one in register.history[found.id]
        ],
        title="History",
    )


@risks.command(
    "add",
    examples=(
        "tenantry risks add acme --risk 'One person alone knows the firewall' --likelihood moderate --impact high",
        "tenantry risks add acme --risk 'Nobody could be reached at night' --likelihood high --impact high --source drill --run 3f2a91c0",
    ),
)
@_TENANT
@click.option("--risk", "title", required=True, metavar="TEXT", help="The risk in one sentence.")
@click.option("--likelihood", required=True, metavar="LEVEL", help=f"{_LEVELS}.")
@click.option("--impact", required=True, metavar="LEVEL", help=f"{_LEVELS}.")
@click.option("--detail", default="", metavar="TEXT", help="What else is known of it.")
@click.option("--source", default="person", metavar="KIND", help="person (the default), incident or drill.")
@click.option("--run", "run", metavar="RUN", help="The incident's or drill's run.")
@_OWNER
@_REVIEW
@_AS
@json_option
def add(
    tenant: str,
    title: str,
    likelihood: str,
    impact: str,
    detail: str,
    source: str,
    run: str | None,
    owner: str | None,
    review: str | None,
    person: str | None,
) -> None:
    """Open a risk of T that somebody names, or that an incident or a drill showed."""
    from console.session import actor, find_index, opened

    with opened() as installation:
        name = installation.tenants.get(tenant).name
        ref = find_index(installation, run).run_id if run is not None else None
        if ref is not None and installation.journal.run(ref).tenant != name:
            raise _refused("--run", f"is no run of {name}")
        by = actor(installation, person, purpose="risks.add", tenant=name)
        made = _register(installation, name).add(
            *(title, likelihood, impact),
            by=by.label,
            source=source,
            ref=ref,
            detail=detail,
            owner=_owner(installation, name, owner),
            review_on=_day(review),
        )
        today = installation.journal.clock.now().date()
    _say(made, today, "Opened")


@risks.command(
    "treat",
    examples=(
        "tenantry risks treat acme r3f2a91c0aa --treatment mitigate --reason 'MFA for all until March' --owner sam.eng",
        "tenantry risks treat acme r3f2a91c0aa --treatment accept --reason 'retired in May' --owner jo --review 2027-05-31 --as ann.lee",
    ),
)
@_TENANT
@_RISK
@click.option("--treatment", required=True, metavar="KIND", help="mitigate, transfer, accept or avoid.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, and what is done; stands in the record.")
@click.option("--likelihood", metavar="LEVEL", help=f"What remains of it: {_LEVELS}.")
@click.option("--impact", metavar="LEVEL", help=f"What remains of it: {_LEVELS}.")
@_OWNER
@_REVIEW
@_AS
@json_option
def treat(
    tenant: str,
    risk: str,
    treatment: str,
    reason: str,
    likelihood: str | None,
    impact: str | None,
    owner: str | None,
    review: str | None,
    person: str | None,
) -> None:
    """Decide what is done about a RISK of T. To accept one takes somebody who answers for it.

    Once estate.yaml exists, this takes an engineer who proves it.
    """
    from console.session import opened, trusted

    with opened() as installation:
        name = installation.tenants.get(tenant).name
        who = _owner(installation, name, owner)
        by = trusted(installation, person, purpose="risks.treat", tenant=name, needs=lambda _: "engineer")
        made = _register(installation, name).treat(
            *(risk, treatment),
            reason=reason,
            by=by.label,
            owner=who,
            review_on=_day(review),
            likelihood=likelihood,
            impact=impact,
        )
        today = installation.journal.clock.now().date()
    _say(made, today, f"To {made.treatment}")


@risks.command(
    "review",
    examples=("tenantry risks review acme r3f2a91c0aa --note 'half of the accounts are done' --review 2027-03-31",),
)
@_TENANT
@_RISK
@click.option("--note", required=True, metavar="TEXT", help="What was seen; stands in the record.")
@click.option("--likelihood", metavar="LEVEL", help=f"As it is now: {_LEVELS}.")
@click.option("--impact", metavar="LEVEL", help=f"As it is now: {_LEVELS}.")
@_OWNER
@_REVIEW
@_AS
@json_option
def review_risk(
    tenant: str,
    risk: str,
    note: str,
    likelihood: str | None,
    impact: str | None,
    owner: str | None,
    review: str | None,
    person: str | None,
) -> None:
    """Record that somebody looked at a RISK of T again; without a day its level says when the next time is."""
    from console.session import actor, opened

    with opened() as installation:
        name = installation.tenants.get(tenant).name
        who = _owner(installation, name, owner)
        by = actor(installation, person, purpose="risks.review", tenant=name)
        made = _register(installation, name).review(
            risk,
            by=by.label,
            note=note,
            owner=who,
            review_on=_day(review),
            likelihood=likelihood,
            impact=impact,
        )
        today = installation.journal.clock.now().date()
    _say(made, today, "Reviewed")


@risks.command("close", examples=("tenantry risks close acme r3f2a91c0aa --reason 'every account has MFA now'",))
@_TENANT
@_RISK
@click.option("--reason", required=True, metavar="TEXT", help="Why it is gone; stands in the record.")
@_AS
@json_option
def close(tenant: str, risk: str, reason: str, person: str | None) -> None:
    """Record that a RISK of T is gone. It opens again by itself when its source is found again.

    Once estate.yaml exists, this takes an engineer who proves it.
    """
    from console.session import opened, trusted

    with opened() as installation:
        name = installation.tenants.get(tenant).name
        by = trusted(installation, person, purpose="risks.close", tenant=name, needs=lambda _: "engineer")
        made = _register(installation, name).close(risk, reason=reason, by=by.label)
        today = installation.journal.clock.now().date()
    _say(made, today, "Closed")


def _register(installation: Installation, tenant: str) -> RiskRegister:
    from tenantry.risk.register import RiskRegister

    return RiskRegister(installation.journal, installation.tenants.get(tenant).name)


def _owner(installation: Installation, tenant: str, owner: str | None) -> str | None:
    """``person:ID`` or ``contact:ID``. Raises InvalidInput where nobody is called so."""
    if owner is None:
        return None
    if owner in installation.people.records():
        return f"person:{owner}"
    if any(contact.id == owner for contact in installation.tenants.get(tenant).contacts):
        return f"contact:{owner}"
    raise _refused("--owner", f"is neither a person of the estate nor a contact of {tenant}")


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise _refused("--review", "is no day, such as 2027-03-31") from None


def _refused(place: str, why: str) -> Exception:
    from tenantry.errors import InvalidInput

    return InvalidInput(why, place=place)


def _shown(risk: Risk, today: date) -> Mapping[str, Any]:
    return {**risk.as_dict(), "overdue": risk.overdue(today)}


def _say(risk: Risk, today: date, what: str) -> None:
    if wants_json():
        echo_json(_shown(risk, today))
        return
    click.echo(f"{what}: {risk.title} ({risk.id}, {risk.level.replace('_', ' ')}); next looked at {risk.review_on}")
