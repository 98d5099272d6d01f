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
@click.option(
    "--listen",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Loopback alone: for anything else put a proxy with TLS and a sign-in of its own in front.",
)
@json_option
def up(port: int | None, listen: str) -> int:
    """Serve Prefect's pages and execute the runs that are started there, until interrupted.

    On this machine's loopback address only. A run whose process dies is carried on from its record by itself, and whatever
    part of the service dies is started again. Ctrl-C or SIGTERM ends all of it; the next start goes on with what was running.
    """
    _loopback(listen)
    from console.session import opened

    with opened() as installation:
        from flows import service
        from flows.server import credential_file

        fresh = not credential_file(installation.home).exists()
        click.echo("tenantry: starting the Prefect server; its first start builds a database", err=True)
        service.up(
            installation,
            port=port,
            ready=lambda server, pages: _announce(server, pages, credential_file(installation.home), fresh=fresh),
        )
        click.echo("tenantry: stopped", err=True)
    return 0


def _loopback(listen: str) -> None:
    """Raises Refused: whoever reached the service from elsewhere would send the credential in clear."""
    from tenantry.errors import Refused

    if listen not in ("127.0.0.1", "localhost"):
        raise Refused(
            f"the service speaks no TLS, so it does not listen on {listen[:80]}",
            remedy="Leave it on 127.0.0.1, behind a proxy with TLS and a sign-in of its own.",
        )


def _announce(server: Server, pages: str, file: Path, *, fresh: bool) -> None:
    import json

    if wants_json():
        # One line, at once: whoever started this reads it while the service goes on. Never the credential itself.
        document = {"url": server.url, "api": server.api, "pages": pages, "credential_file": str(file)}
        click.echo(json.dumps(document))
    else:
        click.echo(f"Prefect:   {server.url}")
        click.echo(f"Timelines: {pages}/runs/RUN/timeline")
        click.echo(f"Sign in with the line in {file}")
        if fresh and sys.stdout.isatty():  # once: afterwards it is in the browser, and in that file
            click.echo(f"  which is {server.credential}")
        click.echo("tenantry: Ctrl-C ends it", err=True)
    sys.stdout.flush()
