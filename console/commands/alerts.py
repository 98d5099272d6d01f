"""Alerts from outside: what became of each, what waits for a person, and trying a mapping before anybody sends anything."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from flows.assembly import Installation
    from tenantry.alerts.store import AlertRow, AlertStore, Incident
    from tenantry.triage.book import Standing

_A = click.argument("alert", metavar="A")
_AS = click.option(
    "--as", "person", metavar="PERSON", required=True, help="Who acts; their code is asked for, or read from stdin."
)


@group(
    "alerts",
    examples=(
        "tenantry alerts list",
        "tenantry alerts show 1f3a9c",
        "tenantry alerts test siem.yaml message.json",
        "tenantry alerts suppress 1f3a9c --reason 'a scanner of ours' --hours 8 --as ann.lee",
    ),
)
def alerts() -> None:
    """Alerts that vendors, tools and our own sweeps send to the console, and what became of each.

    Who may send is in estate.yaml (alerts), whose an alert is in the clients' files (alert_handles), and what starts by itself in the rules
    of TENANTRY_HOME/runbooks/alerts/rules. Every alert ends in a run, in the queue, or merged or suppressed, with a reason.
    """


@alerts.command("list", examples=("tenantry alerts list", "tenantry alerts list --tenant acme --all --json"))
@click.option("--tenant", metavar="T", shell_complete=complete.tenants, help="Of this client alone.")
@click.option("--all", "every", is_flag=True, help="Single alerts, the newest first, instead of open incidents.")
@click.option("--most", type=click.IntRange(1, 100_000), default=200, show_default=True, help="With --all: how many.")
@json_option
def list_alerts(tenant: str | None, every: bool, most: int) -> None:
    """Open incidents, the worst and oldest first; with --all every alert."""
    with _store() as (installation, store):
        now = installation.journal.clock.now()
        rows = store.alerts(tenant=tenant, most=most) if every else []
        open_ = [] if every else store.incidents(tenant=tenant)
        counts = store.counts()
        standing = _standing(store)
    if wants_json():
        echo_json(
            [_alert(row) for row in rows] if every else [_incident(one, standing.get(one.id), now) for one in open_]
        )
        return
    from console.render import moment, table
    from tenantry.clock import rfc3339

    if every:
        table(
            ("alert", "received", "from", "severity", "client", "became", "why"),
            [
                (
                    row.id[:12],
                    moment(rfc3339(row.received)),
                    row.source,
                    row.severity,
                    row.tenant or "",
                    row.state,
                    row.reason,
                )
                for row in rows
            ],
            title="Alerts",
        )
    else:
        table(
            ("incident", "severity", "client", "age", "alerts", "stands", "whose", "next due"),
            [
                (
                    one.id[:12],
                    one.severity,
                    one.tenant,
                    f"{round((now - one.opened).total_seconds() / 60)} min",
                    str(one.alerts),
                    f"run {one.run_id[:8]}" if one.run_id else "waits for a person",
                    one.person or "nobody yet",
                    _next_due(standing.get(one.id, []), now),
                )
                for one in open_
            ],
            title="Open incidents",
        )
        for what, found in _queue(open_, now):
            click.echo(f"{what}: {found}", err=True)
    click.echo(", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "no alert yet", err=True)


@alerts.command("show", examples=("tenantry alerts show 1f3a9c", "tenantry alerts show 1f3a9c --raw"))
@_A
@click.option("--raw", is_flag=True, help="The source's own words, as they came.")
@json_option
def show(alert: str, raw: bool) -> None:
    """One alert: what it says, what became of it and why, and what else belongs to its incident."""
    with _store() as (installation, store):
        row = store.alert(alert)
        said, words = _opened(installation, row)
        incident = store.incident(row.incident) if row.incident else None
        others = store.of_incident(row.incident) if row.incident else []
        standing = _standing(store, row.incident).get(row.incident, []) if row.incident else []
        given = _given(store, row.incident)
        now = installation.journal.clock.now()
    if raw:
        click.echo(words, nl=False)
        return
    if wants_json():
        shown = _incident(incident, standing, now) if incident else None
        echo_json({**_alert(row), "alert": said, "incident": shown, "assignments": given})
        return
    from console.render import fields, moment
    from tenantry.clock import rfc3339

    info = said.get("finding_info", {})
    fields(
        [
            ("alert", row.id),
            ("received", moment(rfc3339(row.received))),
            ("from", row.source),
            ("severity", row.severity),
            ("client", row.tenant or "not decided"),
            ("what", str(info.get("title", "cannot be read here"))),
            ("about", ", ".join(f"{one['type']} {one['uid']}" for one in said.get("resources", []))),
            ("became", f"{row.state}: {row.reason}" if row.reason else row.state),
            ("incident", f"{incident.id} ({incident.state}, {len(others)} alerts)" if incident else "none"),
            ("run", (incident.run_id or "none: it waits for a person") if incident else "none"),
            ("whose", (incident.person or "nobody yet") if incident else "nobody's"),
            *((f"  since {moment(one['at'])}", f"{one['to'] or 'nobody'}: {one['why']}") for one in given),
            *((f"clock {one.clock.name}", _left(one, now)) for one in standing),
        ]
    )


@alerts.command("sources", examples=("tenantry alerts sources",))
@json_option
def list_sources() -> None:
    """The kinds of sources there are, and how the messages of each can be proven."""
    from tenantry.alerts.source import sources

    found = [{"kind": kind, "title": one.title, "proofs": list(one.proofs)} for kind, one in sources().items()]
    if wants_json():
        echo_json(found)
        return
    from console.render import table

    table(
        ("kind", "what", "proofs"), [(one["kind"], one["title"], ", ".join(one["proofs"])) for one in found], title=""
    )


@alerts.command(
    "test", examples=("tenantry alerts test siem.yaml message.json", "tenantry alerts test guardduty finding.json")
)
@click.argument("mapping", metavar="MAPPING")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@json_option
def test(mapping: str, file: Path) -> None:
    """Read a message as the intake would, with the mapping of a file or as a kind of source. Nothing is sent or kept."""
    from tenantry.alerts.mapping import load_mapping
    from tenantry.alerts.message import read
    from tenantry.alerts.reading import parsed
    from tenantry.alerts.source import source
    from tenantry.errors import InvalidInput

    path = Path(mapping)
    settings: dict[str, Any] = {}
    if path.suffix in {".yaml", ".yml"}:
        settings = {"mapping": load_mapping(path).model_dump(mode="json", by_alias=True)}
        one = source("generic")
    else:
        one = source(mapping)
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be read ({error.strerror})", place=str(file)) from None
    found = [alert.model_dump(mode="json") for alert, _ in read(one, parsed(raw), raw, settings)]
    if wants_json():
        echo_json(found)
        return
    if not found:
        click.echo("no alert: the message is of another kind")
    for alert in found:
        click.echo(json.dumps(alert, indent=2, ensure_ascii=False))


@alerts.command("close", examples=("tenantry alerts close 1f3a9c --reason 'a false alarm' --as ann.lee",))
@_A
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the record.")
@_AS
def close(alert: str, reason: str, person: str) -> None:
    """Close the incident of an alert: nothing more is merged into it, and its clocks stop. Its run, if it has one, goes on."""
    from tenantry.errors import InvalidInput
    from tenantry.journal import Event
    from tenantry.triage.book import Book
    from tenantry.triage.clocks import NAMES

    with _store() as (installation, store):
        row = store.alert(alert)
        if row.incident is None or row.tenant is None:
            raise InvalidInput("has no incident", place="A")
        by = _by(installation, person, f"alerts.close:{row.incident}", row.tenant)
        said = {"incident": row.incident, "by": by, "reason": reason}
        installation.journal.append(row.tenant, [Event("incident.closed", said)])
        now = installation.journal.clock.now()
        store.close_incident(row.incident, f"{by}: {reason}", now)
        book = Book(store)
        for name in NAMES:
            book.stop(row.incident, name, now)


@alerts.command("assign", examples=("tenantry alerts assign 1f3a9c sam.eng --as ann.lee",))
@_A
@click.argument("to", metavar="PERSON")
@_AS
def assign(alert: str, to: str, person: str) -> None:
    """Give the incident of an alert to PERSON. Somebody has looked then: the clock of its acknowledgement stops."""
    _assign(alert, to, person)


@alerts.command("take", examples=("tenantry alerts take 1f3a9c --as sam.eng",))
@_A
@_AS
def take(alert: str, person: str) -> None:
    """Take the incident of an alert: the clock of its acknowledgement stops."""
    _assign(alert, person, person)


def _assign(alert: str, to: str, person: str) -> None:
    from tenantry.errors import InvalidInput, OutOfScope
    from tenantry.journal import Event
    from tenantry.triage.book import Book

    with _store() as (installation, store):
        row = store.alert(alert)
        if row.incident is None or row.tenant is None:
            raise InvalidInput("has no incident", place="A")
        if store.incident(row.incident).state != "open":
            raise InvalidInput("its incident is closed", place="A")
        whom = installation.people.get(to)
        if not whom.enabled or not whom.covers(row.tenant):
            raise OutOfScope(f"{to} is disabled, or {row.tenant} is not theirs", remedy="Give it to somebody else.")
        by = _by(installation, person, f"alerts.assign:{row.incident}", row.tenant)
        said = {"incident": row.incident, "by": by, "to": to, "why": f"said by {by}"}
        installation.journal.append(row.tenant, [Event("incident.assigned", said)])
        Book(store).assign(row.incident, to, by, installation.journal.clock.now())


@alerts.command(
    "suppress", examples=("tenantry alerts suppress 1f3a9c --reason 'a scanner of ours' --hours 8 --as ann.lee",)
)
@_A
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in every decision that it makes.")
@click.option("--hours", type=click.IntRange(1, 24 * 90), default=8, show_default=True, help="For how long.")
@_AS
def suppress(alert: str, reason: str, hours: int, person: str) -> None:
    """Hear nothing of what tells the same as an alert, of the same client and source, for a while."""
    from tenantry.errors import InvalidInput
    from tenantry.journal import Event

    with _store() as (installation, store):
        row = store.alert(alert)
        if row.tenant is None or not row.fingerprint:
            raise InvalidInput("nothing was decided about it yet", place="A")
        by = _by(installation, person, f"alerts.suppress:{row.id}", row.tenant)
        now = installation.journal.clock.now()
        until = now + timedelta(hours=hours)
        said = {"alert": row.id, "by": by, "reason": reason, "until": until.isoformat()}
        installation.journal.append(row.tenant, [Event("alerts.suppressed", said)])
        store.suppress(
            tenant=row.tenant,
            source=row.source,
            fingerprint=row.fingerprint,
            reason=reason,
            by=by,
            now=now,
            until=until,
        )


def _by(installation: Installation, person: str, purpose: str, tenant: str) -> str:
    """Who acts, proven by their code.

    Raises:
        TenantryError: the code is wrong, or the client is not theirs.
    """
    from console.session import actor

    return actor(installation, person, purpose=purpose, tenant=tenant).label


def _store() -> AbstractContextManager[tuple[Installation, AlertStore]]:
    from contextlib import contextmanager

    from console.session import opened
    from tenantry.alerts.store import AlertStore

    @contextmanager
    def both() -> Iterator[tuple[Installation, AlertStore]]:
        with opened() as installation:
            store = AlertStore(installation.home.alerts_db)
            try:
                yield installation, store
            finally:
                store.close()

    return both()


def _opened(installation: Installation, row: AlertRow) -> tuple[dict[str, Any], bytes]:
    """What an alert says, and its source's own words; empty where its key is gone."""
    from tenantry.alerts.door import intake_key
    from tenantry.alerts.message import open_for, open_from_intake
    from tenantry.errors import NotFound, RecordError

    if row.body is None:
        return {}, b""
    try:
        if row.state == "accepted" or row.tenant is None:
            alert, words = open_from_intake(row.id, row.body, intake_key(installation.vault))
        else:
            alert, words = open_for(installation.vault.subkey(row.tenant, "alerts"), row.id, row.body)
    except (NotFound, RecordError) as error:
        click.echo(f"tenantry: it cannot be read: {error.message}", err=True)
        return {}, b""
    return alert.ocsf(row.received, row.id), words


def _alert(row: AlertRow) -> dict[str, Any]:
    from tenantry.clock import rfc3339

    return {
        "id": row.id,
        "received_at": rfc3339(row.received),
        "source": row.source,
        "severity": row.severity,
        "tenant": row.tenant,
        "state": row.state,
        "reason": row.reason,
        "incident_id": row.incident,
        "decided_at": rfc3339(row.decided) if row.decided else None,
    }


def _standing(store: AlertStore, incident: str | None = None) -> dict[str, list[Standing]]:
    """The clocks of incidents, the first due first."""
    from tenantry.triage.book import Book

    found: dict[str, list[Standing]] = {}
    for one in Book(store).clocks(incident):
        found.setdefault(one.incident, []).append(one)
    return found


def _given(store: AlertStore, incident: str | None) -> list[dict[str, Any]]:
    """Who got it, when and why."""
    from tenantry.clock import rfc3339
    from tenantry.triage.book import Book

    rows = Book(store).of(incident) if incident else []
    return [{"at": rfc3339(one.at), "to": one.person, "by": one.by, "why": one.why} for one in rows]


def _next_due(standing: list[Standing], now: datetime) -> str:
    running = [one for one in standing if one.clock.stopped_at is None]
    return f"{running[0].clock.name} {_left(running[0], now)}" if running else ""


def _left(one: Standing, now: datetime) -> str:
    from console.render import moment
    from tenantry.clock import rfc3339

    minutes = round(one.clock.left(now).total_seconds() / 60)
    left = f"{minutes} min left" if minutes >= 0 else f"{-minutes} min too late"
    if one.clock.stopped_at is not None:
        return f"stopped {moment(rfc3339(one.clock.stopped_at))}, {left}"
    return f"due {moment(rfc3339(one.clock.due_at))}, {left}"


def _queue(incidents: list[Incident], now: datetime) -> list[tuple[str, str]]:
    """Number, priority and age of the open incidents, for each client and each person."""
    from tenantry.triage.queue import queue

    return [(line.of, line.told()) for line in queue(incidents, now)]


def _incident(one: Incident, standing: list[Standing] | None, now: datetime) -> dict[str, Any]:
    from tenantry.clock import rfc3339

    return {
        "id": one.id,
        "tenant": one.tenant,
        "state": one.state,
        "severity": one.severity,
        "opened_at": rfc3339(one.opened),
        "last_at": rfc3339(one.last),
        "alerts": one.alerts,
        "rule": one.rule,
        "runbook": one.runbook,
        "run_id": one.run_id,
        "person": one.person,
        "closed_why": one.closed_why,
        "age_seconds": round((now - one.opened).total_seconds()),
        "clocks": [clock.clock.as_dict() for clock in standing or ()],
    }
