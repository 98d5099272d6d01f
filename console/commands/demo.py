"""The demonstration: an incident from beginning to end, on this machine alone."""

from __future__ import annotations

from pathlib import Path

import click

from console.cli import command, json_option, wants_json


@command("demo", examples=("tenantry demo", "tenantry demo -o /tmp/incident --json"))
@click.option(
    "-o",
    "--output",
    default="tenantry-demo",
    show_default=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the timeline and the evidence go.",
)
@json_option
def demo(output: Path) -> int:
    """A business email compromise on the lab tenant: contained, killed half-way, resumed, approved, reported.

    Starts all that it needs, asks nothing, and ends it again. Nothing outside this machine is touched.
    """
    from console.demo import main

    return main(output, as_json=wants_json())
