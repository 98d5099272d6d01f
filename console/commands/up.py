"""This machine as a service."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from console.cli import command, json_option, wants_json

if TYPE_CHECKING:
    from pathlib import Path

    from flows.server import Server


@command("up", examples=("tenantry up", "tenantry up --port 4200"))
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="P", help="Of Prefect's pages. A free one when left out."
)
@json_option
def up(port: int | None) -> int:
    """Serve Prefect's pages and execute the runs that are started there, until interrupted.

    On this machine's loopback address only. A run whose process dies is carried on from its record, and the Prefect server
    is started again when it ends. Ctrl-C or SIGTERM ends all of it; `tenantry resume` goes on with what was running.
    """
    from console.session import opened

    with opened() as installation:
        from flows import service
        from flows.server import credential_file

        click.echo("tenantry: starting the Prefect server; its first start builds a database", err=True)
        service.up(
            installation,
            port=port,
            ready=lambda server, pages: _announce(server, pages, credential_file(installation.home)),
        )
        click.echo("tenantry: stopped", err=True)
    return 0


def _announce(server: Server, pages: str, file: Path) -> None:
    import json

    if wants_json():
        # One line, at once: whoever started this reads it while the service goes on. Never the credential itself.
        document = {"url": server.url, "api": server.api, "pages": pages, "credential_file": str(file)}
        click.echo(json.dumps(document))
    else:
        click.echo(f"Prefect:   {server.url}")
        click.echo(f"Timelines: {pages}/runs/RUN/timeline")
        click.echo(f"Sign in with the line in {file}")
        if sys.stdout.isatty():
            click.echo(f"  which is {server.credential}")
        click.echo("tenantry: Ctrl-C ends it", err=True)
    sys.stdout.flush()
