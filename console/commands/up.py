"""This machine as a service."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from console.cli import command, json_option, wants_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flows.server import Server
    from tenantry.estate import ServiceSettings


@command(
    "up",
    examples=(
        "tenantry up",
        "tenantry up --port 4200",
        "tenantry up --host 0.0.0.0 --port 4200 --tls-cert fullchain.pem --tls-key privkey.pem",
    ),
)
@click.option("--host", metavar="ADDRESS", help="Listen there. Beyond loopback only with --tls-cert and --tls-key.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="P", help="Of Prefect's pages. A free one when left out."
)
@click.option(
    "--pages-port",
    type=click.IntRange(1, 65535),
    metavar="P",
    help="Of timelines and metrics. A free one when left out.",
)
@click.option(
    "--console-port",
    type=click.IntRange(1, 65535),
    metavar="P",
    help="Of credential drops. A free one, kept from then on, when left out.",
)
@click.option(
    "--tls-cert", type=click.Path(), metavar="FILE", help="Certificate chain in PEM; renewed ones are taken up."
)
@click.option("--tls-key", type=click.Path(), metavar="FILE", help="Its key in PEM, readable by this account alone.")
@json_option
def up(**options: str | int | None) -> int:
    """Serve Prefect's pages and execute the runs that are started there, until interrupted.

    On this machine's loopback address, unless there is a certificate for another one. What is not given here is taken from
    `service` in estate.yaml. A run whose process dies is carried on from its record by itself, and whatever part of the service dies
    is started again. Ctrl-C or SIGTERM ends all of it; the next start goes on with what was running.
    """
    from console.session import opened

    with opened() as installation:
        from flows import service
        from flows.server import credential_file

        fresh = not credential_file(installation.home).exists()
        service.up(
            installation,
            settings=_settings(installation.estate.service, options),
            console="console.web",
            ready=lambda server, pages, console: _announce(
                server, pages, console, credential_file(installation.home), fresh=fresh
            ),
            say=lambda text: click.echo(f"tenantry: {text}", err=True),
        )
        click.echo("tenantry: stopped", err=True)
    return 0


def _settings(configured: ServiceSettings, options: Mapping[str, str | int | None]) -> ServiceSettings:
    """The options before the configuration. Paths on a command line begin where it was typed."""
    from pathlib import Path

    given = {name: value for name, value in options.items() if value is not None}
    if "tls_cert" in given:
        given["tls_certificate"] = given.pop("tls_cert")
    for name in ("tls_certificate", "tls_key"):
        if name in given:
            given[name] = str(Path(str(given[name])).absolute())
    return configured.model_copy(update=given)


def _announce(server: Server, pages: str, console: str, file: Path, *, fresh: bool) -> None:
    import json

    if wants_json():
        # One line, at once: whoever started this reads it while the service goes on. Never the credential itself.
        document = {
            "url": server.shown,
            "api": f"{server.shown}/api",
            "pages": pages,
            "console": console,
            "local": server.url,
            "credential_file": str(file),
        }
        click.echo(json.dumps(document))
    else:
        click.echo(f"Prefect:   {server.shown}")
        click.echo(f"Timelines: {pages}/runs/RUN/timeline")
        click.echo(f"Drops:     {console}/drop/…, made with `tenantry vault drop`")
        click.echo(f"Sign in with the line in {file}")
        if fresh and sys.stdout.isatty():  # once: afterwards it is in the browser, and in that file
            click.echo(f"  which is {server.credential}")
        click.echo("tenantry: Ctrl-C ends it", err=True)
    sys.stdout.flush()
