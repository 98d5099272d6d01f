"""`tenantry compliance report` and `portfolio`: what was found, for people and for other programs. Nothing is looked at again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from console import complete
from console.cli import echo_json, json_option, wants_json

if TYPE_CHECKING:
    from console.cli import Group
    from tenantry.baseline.trend import Point

__all__ = ["FORMATS", "join", "write"]

FORMATS: Final = ("html", "pdf", "csv", "json", "ocsf")
_OUT = click.option("-o", "out", type=click.Path(path_type=Path), required=True, help="The file; - is standard output.")


def write(format_: str, document: Mapping[str, Any], client: str, trend: Sequence[Point], out: BinaryIO) -> None:
    """One client's report.

    Args:
        format_: of :data:`FORMATS`.
    """
    if format_ == "html":
        from tenantry.baseline.page import html

        out.write(html(document, client, trend).encode("utf-8", "replace"))
    elif format_ == "pdf":
        from tenantry.baseline.pdf import pdf

        out.write(pdf(document, client, trend))
    elif format_ == "json":
        from tenantry.evidence import json_line

        out.write(json_line(dict(document)))
    else:
        _writer(format_)([document], out)


def _writer(format_: str) -> Callable[[Any, BinaryIO], int]:
    from tenantry.baseline.export import to_csv, to_ocsf

    return {"csv": to_csv, "ocsf": to_ocsf}[format_]


def join(group: Group) -> None:
    """Add the two to the group ``compliance``."""

    @group.command(
        "report",
        examples=(
            "tenantry compliance report acme --format pdf -o acme.pdf",
            "tenantry compliance report acme --format ocsf -o acme.ocsf.jsonl",
        ),
    )
    @click.argument("tenant", metavar="T", shell_complete=complete.tenants)
    @click.option(
        "--format", "format_", type=click.Choice(FORMATS), default="html", show_default=True, help="What to write."
    )
    @_OUT
    def report(tenant: str, format_: str, out: Path) -> None:
        """How T stood when somebody looked last, with how it moved from sweep to sweep. Looks at nothing again.

        csv: one policy a row. ocsf: one Compliance Finding (class 2003) a line.
        """
        from console.output import written
        from console.session import opened
        from flows import complied
        from tenantry.errors import NotFound

        with opened() as installation:
            found = installation.tenants.get(tenant)
            document = complied.latest(installation, found.name)
            if document is None:
                raise NotFound(
                    f"nobody has looked at {tenant} yet",
                    place="T",
                    remedy=f"Look with `tenantry compliance run {tenant}`.",
                )
            trend = complied.trend(installation, found.name)
        with written(out) as file:
            write(format_, document, found.display_name, trend, file)

    @group.command(
        "portfolio",
        examples=(
            "tenantry compliance portfolio",
            "tenantry compliance portfolio --format html -o clients.html",
            "tenantry compliance portfolio --format csv -o clients.csv",
        ),
    )
    @click.option(
        "--format",
        "format_",
        type=click.Choice(("html", "csv", "ocsf")),
        default="html",
        show_default=True,
        help="What to write.",
    )
    @click.option("-o", "out", type=click.Path(path_type=Path), help="Write it to this file; - is standard output.")
    @json_option
    def portfolio(format_: str, out: Path | None) -> None:
        """All clients side by side: who fails what, the worst first, who moved, and whom nobody has looked at.

        html: a page for the MSP, which shows every client's name: it is for no client. csv and ocsf: every policy of every client.
        """
        from console.output import written
        from console.session import opened
        from flows import complied
        from tenantry.baseline import portfolio as side_by_side

        with opened() as installation:
            standings = complied.standings(installation)
            found = side_by_side.portfolio(standings, installation.journal.clock.now())
        if out is not None:
            with written(out) as file:
                if format_ == "html":
                    from tenantry.baseline.portfolio_page import html

                    file.write(html(found).encode("utf-8", "replace"))
                else:
                    _writer(format_)((one.document for one in standings if one.document is not None), file)
        if wants_json():
            echo_json(found)
        elif out is None:
            _table(found)


def _table(found: Mapping[str, Any]) -> None:
    from console.render import moment, table

    table(
        ("client", "not met", "heavy", "not known", "excepted", "moved", "looked at", "what is not met"),
        [
            (
                one["tenant"],
                str(len(one["failing"])),
                str(one["heavy"]),
                str(one["counts"].get("unknown", 0)),
                str(one["counts"].get("excepted", 0)),
                one["direction"],
                moment(one["at"]),
                ", ".join(one["failing"][:3])[:120],
            )
            for one in found["clients"]
        ],
        title="Clients, the worst first",
    )
    for one in found["never"]:
        why = f": {one['failed']['why']}" if one["failed"] else ""
        click.echo(f"tenantry: nobody has looked at {one['tenant']} yet{why}", err=True)
