"""Everything that this machine keeps, into one encrypted file and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from console.cli import command, echo_json, json_option, wants_json
from tenantry.backup import KEEP_DAYS

if TYPE_CHECKING:
    from tenantry.backup import Key

_LONGEST_KEY = 65_536
_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")


@command(
    "backup",
    examples=(
        "tenantry backup -o /mnt/backup/tenantry-2026-11-21.tnb --recipient backup.pub",
        "tenantry backup -o tenantry.tnb < passphrase.txt",
    ),
)
@click.option(
    "-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path), help="Where to; - is stdout."
)
@click.option(
    "--recipient",
    metavar="PEM",
    type=click.Path(path_type=Path),
    help="The public X25519 key of who may read it. Without, a passphrase is asked for.",
)
@click.option(
    "--keep",
    "days",
    type=int,
    default=KEEP_DAYS,
    show_default=True,
    metavar="DAYS",
    help="For how many days FILE is kept; then you delete it.",
)
@_AS
@json_option
def backup(output: Path, recipient: Path | None, days: int, person: str | None) -> None:
    """Write databases, keys, evidence, files and Prefect's state into one encrypted FILE. The service may go on running.

    Nothing of one client can be deleted in it. So the record says until when you keep it, and the certificate of a client who leaves lists it with that
    day. It holds every client's secrets and the key to them (unless the vault has a passphrase): keep its passphrase, or the
    recipient's private key, where this machine does not reach. `openssl genpkey -algorithm X25519 -out backup.key`, then
    `openssl pkey -in backup.key -pubout -out backup.pub`, makes a pair.
    """
    from console import ask
    from console.output import written
    from console.session import actor, opened
    from tenantry.backup import PassphraseKey, RecipientKey, take
    from tenantry.backup.snapshot import inside
    from tenantry.errors import InvalidInput

    if wants_json() and str(output) == "-":
        raise InvalidInput("stdout holds the JSON document already; name a file", place="-o")
    key: Key = (
        PassphraseKey(ask.new_passphrase("the backup"))
        if recipient is None
        else RecipientKey(_read(recipient, "--recipient"))
    )
    with opened() as installation:
        if str(output) != "-":
            inside(installation.home, output)
        by = actor(installation, person, purpose="backup", tenant=None)
        with written(output) as out:
            taken = take(installation.home, installation.journal, out, key, by=by.label, keep_days=days)
    for name in taken.skipped:
        click.echo(f"tenantry: {name} is a link or no file, and is not in the backup", err=True)
    if wants_json():
        echo_json(
            {"backup": taken.id, "at": taken.at, "file": str(output.absolute()), "files": taken.files}
            | {"keep_until": taken.until}
            | {"bytes": taken.bytes, "skipped": taken.skipped}
        )
    else:
        click.echo(
            f"{output}: {taken.files} files, {taken.bytes / 1e6:.1f} MB, as of {taken.at}; delete it after {taken.until}",
            err=str(output) == "-",
        )


@command(
    "restore",
    examples=(
        "tenantry restore tenantry.tnb < passphrase.txt",
        "tenantry restore tenantry.tnb --key backup.key",
    ),
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "private",
    metavar="PEM",
    type=click.Path(path_type=Path),
    help="The recipient's private key. Without, the passphrase is asked for.",
)
@click.option("--expired", is_flag=True, help="Although it was to be deleted by now.")
@json_option
def restore(file: Path, private: Path | None, expired: bool) -> None:
    """Bring everything back from FILE, into a TENANTRY_HOME that is empty. First make sure that the old machine is off.

    The record says that it was restored, from which backup and by whom; the vault gets a new master key. Runs that were under
    way go on with `tenantry up`, or with `tenantry resume RUN`. Clients who left after the backup was taken are here again: they are listed, and leave again.
    """
    import os
    from datetime import UTC, datetime

    from pydantic import SecretBytes

    from console import ask
    from console.session import Actor
    from tenantry.backup import PassphraseKey, PrivateKey
    from tenantry.backup import restore as bring_back
    from tenantry.home import Home
    from tenantry.masterkey import passphrase_from_environment

    key: Key = (
        PassphraseKey(ask.passphrase("the backup"))
        if private is None
        else PrivateKey(SecretBytes(_read(private, "--key")))
    )
    with _opened(file, "FILE") as source:
        done = bring_back(
            Home.locate(),
            source,
            key,
            by=Actor(None, proven=False).label,
            passphrase=passphrase_from_environment(os.environ),
            today=None if expired else datetime.now(UTC).date(),
        )
    if wants_json():
        echo_json(
            {"backup": done.id, "taken_at": done.at, "files": done.files, "entries": done.entries, "epoch": done.epoch}
            | {"unfinished": list(done.unfinished), "clients": list(done.clients)}
        )
        return
    click.echo(f"Restored as of {done.at}: {done.files} files, {done.entries} entries, all as recorded.")
    if done.clients:
        click.echo(
            f"Here are again: {', '.join(done.clients)}. Who of them left after {done.at} leaves again: `tenantry offboard T`."
        )
    for run in done.unfinished:
        click.echo(f"Not ended: {run}; `tenantry resume {run}` goes on with it.")


def _read(path: Path, place: str) -> bytes:
    with _opened(path, place) as file:
        return file.read(_LONGEST_KEY)


def _opened(path: Path, place: str) -> BinaryIO:
    from tenantry.errors import InvalidInput

    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror})", place=place) from error
