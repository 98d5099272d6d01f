"""The performance figures, each against a baseline measured in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from console.cli import command, echo_json, json_option, wants_json


@command("bench", examples=("tenantry bench", "tenantry bench steps --json", "tenantry bench steps.help"))
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--quick", is_flag=True, help="A few repetitions: shows that it works, not how fast it is.")
@json_option
def bench(name: str | None, quick: bool) -> int:
    """Measure: all figures, one, or those whose names begin with NAME.

    Each is a ratio against a named baseline, measured in the same run and interleaved with it, so that a busy machine
    slows both. Works in a folder of its own inside TENANTRY_HOME, which is removed at the end. The exit code is 0 also
    when a target is missed; the table and `met` say so.
    """
    from benchmarks.registry import run, select

    found = run(select(name), quick=quick, say=lambda text: click.echo(f"tenantry: {text}", err=True))
    if wants_json():
        echo_json(found)
    else:
        _table(found)
    return 0


def _table(found: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from console.render import table

    table(
        ("benchmark", "value", "baseline", "ratio", "target", "met", "peak memory"),
        [
            (
                one["name"],
                f"{one['value']:g} {one['unit']}",
                _baseline(one),
                "" if one["ratio"] is None else f"{one['ratio']:.2f}",
                one["target"],
                Text("yes", style="green") if one["met"] else Text("no", style="red"),
                f"{one['peak_rss_mb']:.0f} MB",
            )
            for one in found
        ],
    )


def _baseline(one: Mapping[str, Any]) -> str:
    baseline = one["baseline"]
    return f"{baseline['value']:g} {one['unit']} ({baseline['name']})" if baseline else ""
