"""Is somebody already inside? A sweep over exported logs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from tenantry.sweep.logs.files import Intake
    from tenantry.sweep.model import Sweep

FORMATS = ("cloudtrail", "ual", "entra-signin", "entra-audit", "sshd")
"""As in :data:`tenantry.sweep.sources.FORMATS`, which takes a second to import; a test compares them."""
_STEP = 8 << 20


@group("sweep", examples=("tenantry sweep logs CloudTrail/ --format cloudtrail",))
def sweep() -> None:
    """Look for a compromise."""


@sweep.command(
    "logs",
    examples=(
        "tenantry sweep logs CloudTrail/ --format cloudtrail",
        "tenantry sweep logs AuditRecords.csv more.zip --format ual --json",
        "tenantry sweep logs signins.json --format entra-signin --rules sigma/rules -o report.html",
    ),
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="What the files are.")
@click.option(
    "--rules",
    "rules",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder of Sigma rules to be evaluated beside ours; may be given again.",
)
@click.option(
    "-o", "out", type=click.Path(path_type=Path), help="Write a report, one HTML file, with a picture over time."
)
@json_option
def logs(paths: tuple[Path, ...], format_: str, rules: tuple[Path, ...], out: Path | None) -> int:
    """Sweep exported logs: files, gz, zip, folders.

    The exit code is 1 when there are findings, 0 when there are none. What could not be checked, and rules that could not
    be evaluated, are listed: neither is clean. Own detections lie in TENANTRY_HOME/runbooks/detections.
    """
    from tenantry.home import Home
    from tenantry.places import folders
    from tenantry.sweep.engine import Detections, sweep_logs

    home = Home.locate().ensure()
    detections = Detections.load(format_, folders("detections", home), rules)
    found = sweep_logs(list(paths), detections, scratch=home.run, progress=_progress())
    if out is not None:
        _report(found, out)
    if wants_json():
        echo_json(found.as_dict())
    else:
        _tables(found)
    return 1 if found.findings else 0


def _progress() -> Callable[[Intake], None]:
    """A line on stderr that grows; nothing where stderr is no terminal and the log is small."""
    told = 0

    def tell(intake: Intake) -> None:
        nonlocal told
        if intake.bytes_read - told < _STEP:
            return
        told = intake.bytes_read
        share = f" of {intake.bytes_total / 1e6:.0f}" if intake.bytes_total else ""
        end = "\r" if sys.stderr.isatty() else "\n"
        click.echo(f"tenantry: read {told / 1e6:.0f}{share} MB, file {intake.files}{end}", err=True, nl=False)

    return tell


def _report(found: Sweep, out: Path) -> None:
    from console.output import written
    from tenantry.sweep.report.page import page

    with written(out) as file:
        file.write(page(found).encode("utf-8", "replace"))


def _tables(found: Sweep) -> None:
    from console.render import fields, moment, table

    document = found.as_dict()
    fields(
        [
            ("events", f"{found.events_read:,}"),
            ("unreadable", found.events_unreadable or None),
            ("repeated", found.events_repeated or None),
            ("from", moment(document["first_event"])),
            ("to", moment(document["last_event"])),
            ("rules", found.rules_evaluated),
            ("not evaluated", len(found.rules_not_evaluated) or None),
        ]
    )
    table(
        ("severity", "finding", "entity", "events", "first seen", "last seen", "technique"),
        [_finding(one) for one in document["findings"]],
        title="Findings",
    )
    if document["entities"]:
        table(
            ("score", "entity", "type", "findings", "because"),
            [
                (
                    one["score"],
                    one["id"],
                    one["type"],
                    one["findings"],
                    ", ".join(part["rule"] for part in one["because"][:4]),
                )
                for one in document["entities"][:20]
            ],
            title="Entities, the worst first",
        )
    if document["could_not_check"]:
        table(
            ("could not check", "why"),
            [(one["check"], one["why"]) for one in document["could_not_check"]],
            title="Not checked",
        )


def _finding(one: dict[str, Any]) -> tuple[Any, ...]:
    from rich.text import Text

    from console.render import moment

    colours = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
    return (
        Text(one["severity"], style=colours[one["severity"]]),
        one["title"],
        one["entity"]["id"],
        one["events"],
        moment(one["first_seen"]),
        moment(one["last_seen"]),
        ", ".join(one["attack"][:2]),
    )
