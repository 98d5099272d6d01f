"""How clients stand against what is required: sweeps, exceptions, and what people answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json
from console.commands import compliance_reports

if TYPE_CHECKING:
    from tenantry.baseline.trend import Point
    from tenantry.run import RunState

_TENANT = click.argument("tenant", metavar="T", shell_complete=complete.tenants)
_POLICY = click.argument("policy", metavar="POLICY")
_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
_UNTIL = click.option("--until", required=True, metavar="DATE", help="The last day on which it counts: 2027-03-31.")
_ORDER: Final = ("fail", "unknown", "for_person", "excepted", "pass", "not_applicable")


@group(
    "compliance",
    examples=(
        "tenantry compliance run acme",
        "tenantry compliance policies --baseline linux_foundations",
        "tenantry compliance portfolio --format html -o clients.html",
    ),
)
def compliance() -> None:
    """Hold clients against baselines: what is required, what is so, what changed, and what somebody answers for.

    A POLICY is written BASELINE/POLICY. Exceptions and answers are entries of the client's record, and end on the day that was named.
    """


@compliance.command(
    "run",
    examples=(
        "tenantry compliance run acme",
        "tenantry compliance run acme --baseline linux_foundations --json",
        "tenantry compliance run acme -o acme.html",
    ),
)
@_TENANT
@click.option("--baseline", "baselines", multiple=True, metavar="B", help="Only this one; may be given several times.")
@click.option("-o", "out", type=click.Path(path_type=Path), help="Write a report; its name ends in .html or .pdf.")
@_AS
@json_option
def run(tenant: str, baselines: tuple[str, ...], out: Path | None, person: str | None) -> int:
    """Hold T against its baselines. Reads only.

    A run of the runbook compliance_sweep, carried here and now; all that it found is evidence of that run. The exit code is 1 when a
    policy fails, 4 when nothing could be told. What could not be told is no pass, and is listed.
    """
    from console.session import actor, opened
    from flows import complied, complying

    if out is not None and out.suffix.lower() not in (".html", ".pdf"):
        raise _refused("-o", "ends in .html or .pdf")
    with opened() as installation:
        found = installation.tenants.get(tenant)
        installation.vault.create_tenant_key(found.name)
        requester = actor(installation, person, purpose="run", tenant=found.name)
        run_id = complying.begin(installation, found.name, baselines, requester.as_dict())
        click.echo(f"tenantry: run {run_id}", err=True)
        state = complying.carry(installation, run_id)
        document = complying.assessment_of(installation, state)
        view = installation.view(run_id, live=False)
        if out is not None and document is not None:
            _report(document, found.display_name, complied.trend(installation, found.name), out)
    for step in view["steps"]:
        if step["error"]:
            click.echo(f"tenantry: {step['id']}: {step['error']['message']} {step['error']['remedy']}", err=True)
    if wants_json():
        echo_json(document if document is not None else {"tenant": tenant, "run_id": run_id, "status": view["status"]})
    elif document is not None:
        _tables(document)
    return _code(state, document)


def _report(document: Mapping[str, Any], client: str, trend: Sequence[Point], out: Path) -> None:
    from console.output import written

    with written(out) as file:
        compliance_reports.write(out.suffix.lower().removeprefix("."), document, client, trend, file)


def _code(state: RunState, document: Mapping[str, Any] | None) -> int:
    from tenantry.task import Outcome

    item = state.items.get(("assess", None))
    if document is None or item is None or item.outcome is not Outcome.OBSERVED:
        return 4
    return 1 if any(one["status"] == "fail" for of in document["baselines"] for one in of["policies"]) else 0


def _tables(document: Mapping[str, Any]) -> None:
    from console.render import moment, table

    for of in document["baselines"]:
        rows = sorted(of["policies"], key=lambda one: (_ORDER.index(one["status"]), one["criticality"] != "high"))
        table(
            ("policy", "status", "criticality", "since", "why"),
            [
                (
                    one["policy"],
                    one["status"].replace("_", " ")
                    + (f" ({one['change']})" if one["change"] in ("fell", "mended") else ""),
                    one["criticality"],
                    moment(one["since"]),
                    "; ".join([one["why"], *one["about"][:2]])[:200],
                )
                for one in rows
                if one["status"] != "not_applicable"
            ],
            title=f"{of['title']} ({of['id']}, version {of['version']})",
        )
        left_out = sum(one["status"] == "not_applicable" for one in rows)
        if left_out:
            click.echo(f"tenantry: {left_out} policies of {of['id']} do not apply to this client", err=True)


@compliance.command(
    "policies",
    examples=("tenantry compliance policies", "tenantry compliance policies --baseline linux_foundations --json"),
)
@click.option("--baseline", "baselines", multiple=True, metavar="B", help="Only this one; may be given several times.")
@json_option
def policies(baselines: tuple[str, ...]) -> None:
    """What is asked of clients, by what it is answered, and under which numbers other frameworks have it."""
    from tenantry.baseline.model import load_baseline, shipped

    found = [load_baseline(name) for name in baselines or shipped()]
    if wants_json():
        echo_json([one.model_dump(mode="json") for one in found])
        return
    from console.render import table

    for one in found:
        table(
            ("policy", "criticality", "what", "answered by", "CIS v8"),
            [
                (
                    f"{one.id}/{policy.id}",
                    policy.criticality,
                    policy.title,
                    ", ".join(
                        name.split(".", 1)[1] for name in (*(asked.name for asked in policy.measures), *policy.checks)
                    )
                    or "a person",
                    ", ".join(policy.maps.get("cis_v8", ())),
                )
                for policy in one.policies
            ],
            title=one.title,
        )


@compliance.command(
    "mend",
    examples=(
        "tenantry compliance mend acme aws_foundations/buckets_guarded",
        "tenantry compliance mend acme aws_foundations/buckets_guarded --about files-acme --mode run --as sam.eng",
    ),
)
@_TENANT
@_POLICY
@click.option(
    "--about", multiple=True, metavar="NAME", help="Only this one, as the sweep names it; may be given several times."
)
@click.option(
    "--mode",
    type=click.Choice(["plan", "run"]),
    default="plan",
    show_default=True,
    help="plan: say what would change; run: change it, once it is approved.",
)
@_AS
@json_option
def mend(tenant: str, policy: str, about: tuple[str, ...], mode: str, person: str | None) -> int:
    """Mend what the last sweep of T found of a POLICY, by the runbook that the policy names. Plans first.

    A run like every other: it waits where its runbook asks for an approval, `tenantry undo RUN` takes it back, and the next sweep says
    whether the policy is met.
    """
    from console.commands.run import begin
    from console.session import opened
    from flows import complying

    with opened() as installation:
        found = installation.tenants.get(tenant)
        runbook, params = complying.mending(installation, found.name, policy, about)
    given = tuple(f"{name}={','.join(values)}" for name, values in params.items())
    return begin(runbook, found.name, given, mode, person, no_wait=False)


@compliance.command(
    "exceptions", examples=("tenantry compliance exceptions acme", "tenantry compliance exceptions acme --json")
)
@_TENANT
@json_option
def exceptions(tenant: str) -> None:
    """Policies that may fail at T, and what people answered; ended ones too."""
    from console.session import opened
    from flows import complying
    from tenantry.baseline.remembered import Answer, PolicyException

    with opened() as installation:
        now = installation.journal.clock.now()
        people = complying.said_of(installation, installation.tenants.get(tenant).name)
    held: list[PolicyException | Answer] = [*people.exceptions.values(), *people.answers.values()]
    held.sort(key=lambda one: one.until)
    if wants_json():
        echo_json([one.as_dict() | {"in_force": one.in_force(now)} for one in held])
        return
    from console.render import table

    table(
        ("policy", "what", "until", "by", "why"),
        [
            (
                one.policy,
                "excepted" if isinstance(one, PolicyException) else f"answered {one.status.replace('_', ' ')}",
                one.until + ("" if one.in_force(now) else " (over)"),
                f"{one.owner}, approved by {one.approved_by}" if isinstance(one, PolicyException) else one.by,
                f"{one.reason}; instead: {one.control}" if isinstance(one, PolicyException) else one.why,
            )
            for one in held
        ],
        title=f"What people answer for at {tenant}",
    )


@compliance.command(
    "except",
    examples=(
        "tenantry compliance except acme linux_foundations/ssh_passwords --owner jo --reason 'scanner until May' "
        "--control 'its network is closed' --until 2027-05-31",
    ),
)
@_TENANT
@_POLICY
@click.option(
    "--owner", required=True, metavar="WHO", help="Who answers for it: a person of the estate, or a contact of T."
)
@click.option("--reason", required=True, metavar="TEXT", help="Why it may fail; stands in the record.")
@click.option("--control", required=True, metavar="TEXT", help="What is done instead.")
@click.option(
    "--about", multiple=True, metavar="NAME", help="Only this one, as a sweep names it; may be given several times."
)
@_UNTIL
@_AS
@json_option
def except_(
    tenant: str,
    policy: str,
    owner: str,
    reason: str,
    control: str,
    about: tuple[str, ...],
    until: str,
    person: str | None,
) -> None:
    """Let a POLICY fail at T until a day: somebody answers for it, and says what is done instead.

    Once estate.yaml exists, this takes an approver who proves it.
    """
    from console.session import opened, trusted
    from flows import complying

    end = _day(until)
    with opened() as installation:
        found = installation.tenants.get(tenant)
        known = {*installation.people.records(), *(contact.id for contact in found.contacts)}
        if owner not in known:
            raise _refused("--owner", f"is neither a person of the estate nor a contact of {tenant}")
        by = trusted(installation, person, purpose="compliance.except", tenant=found.name, needs=lambda _: "approver")
        made = complying.except_policy(
            installation,
            found.name,
            policy,
            owner=owner,
            approved_by=by.label,
            reason=reason,
            control=control,
            until=end,
            about=about,
        )
    if wants_json():
        echo_json(made.as_dict())
    else:
        click.echo(f"Excepted until {made.until}, approved by {made.approved_by}: {made.policy}")


@compliance.command(
    "withdraw", examples=("tenantry compliance withdraw acme linux_foundations/ssh_passwords --as sam.eng",)
)
@_TENANT
@_POLICY
@_AS
@json_option
def withdraw(tenant: str, policy: str, person: str | None) -> None:
    """A POLICY may fail at T no longer: the next sweep says so again."""
    from console.session import actor, opened
    from flows import complying

    with opened() as installation:
        name = installation.tenants.get(tenant).name
        by = actor(installation, person, purpose="compliance.except", tenant=name)
        one = complying.withdraw(installation, name, policy, by=by.label)
    if wants_json():
        echo_json(one.as_dict())
    else:
        click.echo(f"No longer excepted: {one.policy}")


@compliance.command(
    "answer",
    examples=(
        "tenantry compliance answer acme msp_onboarding/restore_tested --status pass --why 'restored the file server on 3 March' --until 2027-12-31",
    ),
)
@_TENANT
@_POLICY
@click.option(
    "--status",
    required=True,
    type=click.Choice(["pass", "fail", "not_applicable"]),
    help="How it is, as far as you know.",
)
@click.option("--why", required=True, metavar="TEXT", help="What you saw; stands in the record.")
@_UNTIL
@_AS
@json_option
def answer(tenant: str, policy: str, status: Any, why: str, until: str, person: str | None) -> None:
    """Say how a POLICY stands at T that no system can tell. Where a system can, that counts.

    Once estate.yaml exists, this takes an engineer who proves it.
    """
    from console.session import opened, trusted
    from flows import complying

    end = _day(until)
    with opened() as installation:
        name = installation.tenants.get(tenant).name
        by = trusted(installation, person, purpose="compliance.answer", tenant=name, needs=lambda _: "engineer")
        made = complying.answer(installation, name, policy, status, by=by.label, why=why, until=end)
    if wants_json():
        echo_json(made.as_dict())
    else:
        click.echo(f"Answered until {made.until} by {made.by}: {made.policy} is {made.status.replace('_', ' ')}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise _refused("--until", "is no day, such as 2027-03-31") from None


def _refused(place: str, why: str) -> Exception:
    from tenantry.errors import InvalidInput

    return InvalidInput(why, place=place)


compliance_reports.join(compliance)
