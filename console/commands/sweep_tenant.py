"""`tenantry sweep tenant`, and what goes with it: which checks there are, and which findings are accepted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, json_option, wants_json

if TYPE_CHECKING:
    from console.cli import Group
    from tenantry.run import RunState
    from tenantry.sweep.live import Progress

__all__ = ["join"]

_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
_TENANT = click.argument("tenant", metavar="T", shell_complete=complete.tenants)
_FINDING = click.argument("finding", metavar="FINDING")
_EVERY = 2_000
"""Facts after which a line says how far a collector is, where stderr is no terminal."""


@_TENANT
@click.option(
    "--days",
    type=click.IntRange(1, 180),
    metavar="N",
    help="How far back logs are read; the client's file says otherwise.",
)
@click.option("--since-last", is_flag=True, help="Show what is new, changed and gone since the sweep before.")
@click.option("-o", "out", type=click.Path(path_type=Path), help="Write a report; its name ends in .html or .pdf.")
@_AS
@json_option
def _tenant(tenant: str, days: int | None, since_last: bool, out: Path | None, person: str | None) -> int:
    """Sweep the tenant T: its directory, mailboxes, applications, cloud account, hosts, and their logs. Reads only.

    A run of the runbook compromise_sweep, carried here and now; all that it found is evidence of that run. The exit code is 1 when
    there are findings (with --since-last: new or changed ones), 0 when there are none, 4 when nothing could be checked. What could
    not be checked is listed: it is not clean.
    """
    from uuid import uuid4

    from console.session import actor, opened
    from flows import sweeping
    from tenantry.errors import InvalidInput

    if out is not None and out.suffix.lower() not in (".html", ".pdf"):
        raise InvalidInput("ends in .html or .pdf", place="-o")
    with opened() as installation:
        found = installation.tenants.get(tenant)
        installation.vault.create_tenant_key(found.name)
        requester = actor(installation, person, purpose="run", tenant=found.name)
        window = days or found.sweep.days
        run_id = sweeping.begin(installation, found.name, window, requester.as_dict(), str(uuid4()))
        click.echo(f"tenantry: run {run_id}", err=True)
        try:
            state = sweeping.carry(installation, run_id, progress=_progress())
        except KeyboardInterrupt:
            click.echo(f"tenantry: interrupted; `tenantry resume {run_id}` goes on", err=True)
            raise
        document = sweeping.found_by(installation, state)
        view = installation.view(run_id, live=False)
        if out is not None and document is not None:
            _report(document, found.display_name, out)
    _say(view, document)
    if wants_json():
        echo_json(document if document is not None else {"tenant": tenant, "run_id": run_id, "status": view["status"]})
    elif document is not None:
        from console.sweep_tables import tables

        tables(document, since_last=since_last)
    return _code(state, document, since_last=since_last)


def _code(state: RunState, document: Mapping[str, Any] | None, *, since_last: bool) -> int:
    from tenantry.task import Outcome

    item = state.items.get(("sweep", None))
    if document is None or item is None or item.outcome is not Outcome.OBSERVED:
        return 4
    speaking = (
        [*document["since_last"]["new"], *document["since_last"]["changed"]] if since_last else document["findings"]
    )
    return 1 if speaking else 0


def _say(view: Mapping[str, Any], document: Mapping[str, Any] | None) -> None:
    """What became of the run besides its result, on stderr."""
    for step in view["steps"]:
        if step["error"]:
            click.echo(f"tenantry: {step['id']}: {step['error']['message']} {step['error']['remedy']}", err=True)
        for change in step["changes"] if step["id"] == "open" and step["outcome"] == "changed" else ():
            run_id = change["path"].split("/")[1]
            click.echo(f"tenantry: opened {change['after']}: `tenantry resume {run_id}` carries it on", err=True)
    if view["status"] == "waiting_for_approval":
        click.echo(f"tenantry: it waits for an answer: `tenantry runs show {view['run_id']}`", err=True)
    if document is not None and document["could_not_check"]:
        click.echo(
            f"tenantry: {len(document['could_not_check'])} reasons why something could not be checked: not clean",
            err=True,
        )


def _progress() -> Callable[[Progress], None]:
    """Lines on stderr: on a terminal one that is written over, elsewhere one for each collector that ended or went on for long."""
    told: dict[str, int] = {}
    tty = sys.stderr.isatty()

    def tell(at: Progress) -> None:
        if not tty and not at.ended and at.facts - told.get(at.collector, 0) < _EVERY:
            return
        told[at.collector] = at.facts
        text = f"tenantry: {at.collector}: {at.facts:,} looked at{', done' if at.ended else ''}"
        click.echo(f"\r\x1b[K{text}" if tty else text, err=True, nl=not tty or at.ended)

    return tell


def _report(document: Mapping[str, Any], title: str, out: Path) -> None:
    from console.output import written
    from tenantry.sweep.report.live import html, pdf

    made = pdf(document, title) if out.suffix.lower() == ".pdf" else html(document, title).encode("utf-8", "replace")
    with written(out) as file:
        file.write(made)


@_TENANT
@_FINDING
@click.option("--reason", required=True, metavar="TEXT", help="Why it is meant to be so; stands in the record.")
@click.option(
    "--until", required=True, metavar="TIME", help="When it is looked at again: 2027-03-31, or a time with a zone."
)
@_AS
@json_option
def _accept(tenant: str, finding: str, reason: str, until: str, person: str | None) -> None:
    """Answer for a FINDING of the newest sweep: it stays silent until then, or until it is worse or anything about it is new.

    Once estate.yaml exists, this takes an engineer who proves it.
    """
    from console.session import opened, trusted
    from flows import sweeping

    end = _time(until)
    with opened() as installation:
        name = installation.tenants.get(tenant).name
        by = trusted(installation, person, purpose="sweep.accept", tenant=name, needs=lambda _: "engineer")
        made = sweeping.accept(installation, name, finding, reason=reason, until=end, by=by.label)
    if wants_json():
        echo_json(_shown(made))
    else:
        click.echo(f"Accepted until {made.until[:16]}Z by {made.by}: {made.title} ({made.entity['id']})")


def _time(text: str) -> datetime:
    from tenantry.errors import InvalidInput

    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput("is no time", place="--until", remedy="Write it like 2027-03-31.") from None
    if when.tzinfo is None and when.time() == time():
        when = when.replace(tzinfo=UTC)
    if when.tzinfo is None:
        raise InvalidInput("has no zone", place="--until", remedy="Write it like 2027-03-31 or 2027-03-31T12:00:00Z.")
    return when.astimezone(UTC)


def _shown(one: Any) -> dict[str, Any]:
    return {key: value for key, value in one.as_dict().items() if key != "marks"}


@_TENANT
@json_option
def _accepted(tenant: str) -> None:
    """The findings of T that somebody answers for, expired ones too."""
    from console.session import opened
    from flows import sweeping

    with opened() as installation:
        now = installation.journal.clock.now()
        rows = sorted(
            sweeping.accepted(installation, installation.tenants.get(tenant).name).values(), key=lambda one: one.until
        )
    if wants_json():
        echo_json([_shown(one) | {"in_force": one.in_force(now)} for one in rows])
        return
    from console.render import moment, table

    table(
        ("finding", "until", "by", "what", "entity", "why"),
        [
            (
                one.finding,
                moment(one.until) + ("" if one.in_force(now) else " (expired)"),
                one.by,
                one.title,
                one.entity["id"],
                one.reason,
            )
            for one in rows
        ],
        title="Accepted",
    )


@_TENANT
@_FINDING
@_AS
@json_option
def _withdraw(tenant: str, finding: str, person: str | None) -> None:
    """Nobody answers for FINDING any more: the next sweep reports it again."""
    from console.session import actor, opened
    from flows import sweeping

    with opened() as installation:
        name = installation.tenants.get(tenant).name
        by = actor(installation, person, purpose="sweep.accept", tenant=name)
        one = sweeping.withdraw(installation, name, finding, by=by.label)
    if wants_json():
        echo_json(_shown(one))
    else:
        click.echo(f"No longer accepted: {one.title} ({one.entity['id']})")


@json_option
def _checks() -> None:
    """What a sweep of a tenant looks at: each check with its severity, technique, source and the permissions that it takes."""
    from tenantry.sweep.check import LogCheck
    from tenantry.sweep.discover import checks

    found = checks()
    if wants_json():
        echo_json(
            [
                {
                    "name": one.name,
                    "title": one.title,
                    "summary": one.summary(),
                    "severity": one.severity,
                    "attack": list(one.attack),
                    "remedy": one.remedy,
                    "needs": list(one.collect.needs),
                    "reads": one.collect.name,
                    "log": one.collect.log,
                    "rules": list(one.rules) if isinstance(one, LogCheck) else [],
                    "permissions": {p.vendor: list(p.names) for p in one.collect.permissions},
                    "about": (type(one).__doc__ or "").strip(),
                }
                for one in found
            ]
        )
        return
    from console.render import table

    table(
        ("check", "severity", "technique", "what", "reads", "permissions"),
        [
            (
                one.name.removeprefix("checks."),
                one.severity,
                ", ".join(one.attack[:2]),
                one.title,
                one.collect.log or one.collect.name,
                "; ".join(f"{p.vendor}: {', '.join(p.names)}" for p in one.collect.permissions),
            )
            for one in found
        ],
        title=f"{len(found)} checks",
    )


def join(group: Group) -> None:
    """Put the commands into their family."""
    for name, function, examples in (
        (
            "tenant",
            _tenant,
            (
                "tenantry sweep tenant acme",
                "tenantry sweep tenant acme --since-last -o acme.pdf",
                "tenantry sweep tenant acme --days 90 --as sam.eng --json",
            ),
        ),
        (
            "accept",
            _accept,
            (
                "tenantry sweep accept acme f3a91c04d2be1 --reason 'to the notary, agreed with the owner' --until 2027-03-31",
            ),
        ),
        ("accepted", _accepted, ("tenantry sweep accepted acme", "tenantry sweep accepted acme --json")),
        ("withdraw", _withdraw, ("tenantry sweep withdraw acme f3a91c04d2be1 --as sam.eng",)),
        ("checks", _checks, ("tenantry sweep checks", "tenantry sweep checks --json")),
    ):
        group.command(name, examples=examples)(function)
