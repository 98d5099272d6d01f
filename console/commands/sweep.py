"""Is somebody already inside? A sweep over exported logs, and over a tenant."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.cli import echo_json, group, json_option, wants_json
from console.commands import sweep_tenant

if TYPE_CHECKING:
    from tenantry.sweep.logs.files import Intake
    from tenantry.sweep.model import Sweep

FORMATS = ("cloudtrail", "ual", "entra-signin", "entra-audit", "sshd")
"""As in :data:`tenantry.sweep.sources.FORMATS`, which takes a second to import; a test compares them."""
_STEP = 8 << 20


@group("sweep", examples=("tenantry sweep tenant acme", "tenantry sweep logs CloudTrail/ --format cloudtrail"))
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

    CloudTrail's events may come as its own files (also an organization's tree), from LookupEvents, EventBridge, CloudWatch Logs, or as
    CSV out of CloudTrail Lake and Athena.

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
    from console.render import fields, moment
    from console.sweep_tables import entities, findings, not_checked

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
    findings(document["findings"])
    entities(document["entities"])
    not_checked(document["could_not_check"])


sweep_tenant.join(sweep)
