"""The record: notes, freezes, timelines."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from console import complete
from console.cli import command, echo_json, json_option, wants_json

if TYPE_CHECKING:
    from flows.assembly import Installation

_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
_RUN = click.argument("run", metavar="RUN", shell_complete=complete.runs)
_LONGEST_NOTE = 10_000
EVERYWHERE = "*"


@command(
    "note",
    examples=(
        "tenantry note 3f2a91c0 'Called the client back on the known number; she confirms the account is hers.'",
        "tenantry note 3f2a91c0 'First fraudulent invoice seen by accounting' --at 2026-11-20T08:15:00+01:00 --as sam.eng",
    ),
)
@_RUN
@click.argument("text", metavar="TEXT")
@click.option("--at", metavar="TIME", help="When it happened, with a zone; now when left out.")
@_AS
@json_option
def note(run: str, text: str, at: str | None, person: str | None) -> None:
    """Put a person's note into a run's record and every export. Notes are never changed or deleted."""
    from console.session import actor, find_run, opened
    from tenantry.clock import rfc3339
    from tenantry.errors import InvalidInput
    from tenantry.journal import Event

    said = text.strip()
    if not said or len(said) > _LONGEST_NOTE:
        raise InvalidInput(f"a note has 1 to {_LONGEST_NOTE} characters", place="TEXT")
    when = _time(at)
    with opened() as installation:
        state = find_run(installation, run)
        now = installation.journal.clock.now()
        if when is not None and when > now:
            raise InvalidInput("lies in the future", place="--at", remedy="A note says what has happened.")
        by = actor(installation, person, purpose=f"note:{state.run_id}", tenant=state.tenant)
        payload = {"text": said, "at": rfc3339(when or now), "by": by.as_dict()}
        flow = (state.runbook, state.version)
        [*_, entry] = installation.journal.append(state.tenant, [Event("note", payload, state.run_id, flow=flow)])
    if wants_json():
        echo_json(payload | {"run_id": state.run_id, "recorded_at": entry.fields["ts"], "entry": entry.id})
    else:
        click.echo(f"Recorded in run {state.run_id}.")


def _time(text: str | None) -> datetime | None:
    from tenantry.errors import InvalidInput

    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise InvalidInput("is not a time with a zone", place="--at", remedy="Write it like 2026-11-20T08:15:00Z.")
    return when


@command("freeze", examples=("tenantry freeze acme --reason 'client asked us to stop'", "tenantry freeze --as ann.lee"))
@click.argument("tenant", metavar="[T]", required=False, shell_complete=complete.tenants)
@click.option("--reason", default="", metavar="TEXT", help="Why; stands in the record.")
@_AS
@json_option
def freeze(tenant: str | None, reason: str, person: str | None) -> None:
    """Stop every effect, everywhere or for the tenant T, until a named person lifts it. Reads go on."""
    from console.session import actor, opened

    with opened() as installation:
        scope = _scope(installation, tenant)
        by = actor(installation, person, purpose="freeze", tenant=tenant)
        installation.journal.freeze(scope, by.label, reason.strip())
        _print_freeze(scope, frozen=True, by=by.label, changed=True)


@command("unfreeze", examples=("tenantry unfreeze acme --as ann.lee", "tenantry unfreeze --as ann.lee"))
@click.argument("tenant", metavar="[T]", required=False, shell_complete=complete.tenants)
@_AS
@json_option
def unfreeze(tenant: str | None, person: str | None) -> None:
    """Lift a freeze: that of the tenant T, or the one that holds everywhere. Then resume the runs that it stopped.

    Once estate.yaml exists, this takes somebody with its role unfreeze_needs, who proves it.
    """
    from console.session import opened, trusted
    from tenantry.names import MSP

    with opened() as installation:
        scope = _scope(installation, tenant)
        by = trusted(
            installation, person, purpose="unfreeze", tenant=tenant or MSP, needs=lambda roles: roles.unfreeze_needs
        )
        lifted = installation.journal.unfreeze(scope, by.label)
        _print_freeze(scope, frozen=False, by=by.label, changed=lifted)
        if tenant is not None and installation.journal.frozen(tenant) is not None:
            click.echo(f"tenantry: {tenant} stays frozen: the freeze of everything is still in force", err=True)


def _scope(installation: Installation, tenant: str | None) -> str:
    """The freeze's scope. The tenant's file need not be readable: stopping must work when little else does."""
    from tenantry.errors import NotFound

    if tenant is None:
        return EVERYWHERE
    if not installation.tenants.path(tenant).is_file():
        raise NotFound(f"no tenant {tenant}", remedy="`tenantry tenants list` shows who there is.")
    installation.vault.create_tenant_key(tenant)
    return tenant


def _print_freeze(scope: str, *, frozen: bool, by: str, changed: bool) -> None:
    if wants_json():
        echo_json({"scope": scope, "frozen": frozen, "by": by, "changed": changed})
        return
    where = "everywhere" if scope == EVERYWHERE else f"for {scope}"
    if frozen:
        click.echo(f"Frozen {where} by {by}.")
    else:
        click.echo(f"Unfrozen {where} by {by}." if changed else f"Nothing was frozen {where}.")


@command(
    "timeline",
    examples=(
        "tenantry timeline 3f2a91c0 --format html -o incident.html",
        "tenantry timeline 3f2a91c0 --format pdf -o incident.pdf",
        "tenantry timeline 3f2a91c0 --format timesketch -o incident.jsonl",
    ),
)
@_RUN
@click.option(
    "--format",
    "kind",
    required=True,
    metavar="FORMAT",
    help="html, pdf, md, csv, jsonl, timesketch, stix, ocsf or iris.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to write; - is stdout.",
)
@json_option
def timeline(run: str, kind: str, output: Path) -> None:
    """Export a run's timeline: what the attacker did, what people decided, what the platform did, each with its source."""
    from console.output import written
    from console.record import streamed
    from console.session import find_run, opened
    from flows.report import timeline_of
    from tenantry.errors import InvalidInput
    from tenantry.timeline import format_named

    chosen = format_named(kind)
    if wants_json() and str(output) == "-":
        raise InvalidInput("stdout holds the JSON document already; name a file", place="-o")
    with opened() as installation:
        if chosen.rows:
            built = streamed(installation, run)
        else:
            built, _ = timeline_of(installation, find_run(installation, run))
        with written(output) as out:  # rows are read from the record while they are written
            events = chosen.export(built, out)
    if wants_json():
        echo_json({"run_id": built.run_id, "format": kind, "file": str(output.absolute()), "events": events})
    else:
        click.echo(f"{output}: {events} events", err=str(output) == "-")
