"""The record itself: verify it, sign it, hand checkpoints out, erase what must go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json
from console.trusting import KEY, content, trust_of

_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")


@group("journal", examples=("tenantry journal verify", "tenantry journal checkpoint"))
def journal() -> None:
    """The append-only record itself."""


@journal.command("verify", examples=("tenantry journal verify", "tenantry journal verify --json"))
@json_option
def verify() -> int:
    """Walk the whole record: every entry, its order, digest and payload, every signed checkpoint, and the copies kept beside
    the database. Exit code 4 when something is wrong."""
    from console.session import opened

    with opened() as installation:
        result = installation.ledger.verify()
    report = {
        "entries": result.entries,
        "checkpoints": result.checkpoints,
        "ok": result.ok,
        "first_bad": result.first_bad,
        "clock_steps": list(result.clock_steps),
        "unopened": result.unopened,
    }
    if wants_json():
        echo_json(report)
    elif result.ok:
        click.echo(f"{result.entries} entries, all as recorded; {result.checkpoints} signed checkpoints")
        if result.clock_steps:
            click.echo(f"the clock stepped back {len(result.clock_steps)} times, as recorded")
    bad = result.first_bad
    if bad is not None:
        click.echo(f"tenantry: entry {bad['seq']} of tree {bad['tree']}: {bad['why']}", err=True)
        click.echo("  Stop writing to it, keep a copy, and restore from the last backup.", err=True)
    return 0 if result.ok else 4


@journal.command(
    "checkpoint",
    examples=(
        "tenantry journal checkpoint",
        "tenantry journal checkpoint acme -o acme.txt",
        "tenantry journal checkpoint acme --since acme.txt -o acme-grown.json",
    ),
)
@click.argument("tenant", metavar="[T]", required=False, shell_complete=complete.tenants)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="A copy for the client, to keep.")
@click.option(
    "--since",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The copy that the client has: the new one comes with the proof that the record only grew.",
)
@json_option
def checkpoint(tenant: str | None, output: Path | None, since: Path | None) -> None:
    """Sign the record as it is now: of one tenant, or of all. The runs do so by themselves when they end."""
    from console.output import written
    from console.record import anchored
    from console.session import opened
    from tenantry.errors import InvalidInput, NotFound
    from tenantry.proof.consistency import consistency_document
    from tenantry.proof.note import parse_note

    if output is not None and tenant is None:
        raise InvalidInput("a copy is of one tenant's checkpoint; name the tenant", place="-o")
    if since is not None and output is None:
        raise InvalidInput("the proof goes into a file; name it with -o", place="--since")
    earlier = content(since, "--since") if since is not None else None
    with opened() as installation:
        ledger = installation.ledger
        if tenant is None:
            signed = ledger.checkpoint_all()
        else:
            one = ledger.checkpoint(tenant)
            if one is None:
                raise NotFound(f"nothing is recorded of {tenant}", place="T")
            signed = [one]
        for one in signed:
            anchored(installation, one)
        handed = signed[0].note if signed else b""
        if tenant is not None and earlier is not None:
            old = parse_note(earlier).checkpoint
            if old.origin != signed[0].checkpoint.origin:
                raise InvalidInput(f"is no checkpoint of {tenant}", place="--since")
            newest, path = ledger.follows(tenant, old.size)
            handed = consistency_document(earlier, newest.note, path)
    if output is not None:
        with written(output) as out:
            out.write(handed)
    if wants_json():
        echo_json([{"tree": one.tree, "size": one.size, "at": one.at, "note": one.note.decode()} for one in signed])
    elif str(output) != "-":
        for one in signed:
            click.echo(f"{one.checkpoint.origin}: {one.size} entries, signed with key {one.epoch}")


@journal.command(
    "follows",
    examples=("tenantry journal follows acme-grown.json --earlier acme.txt --key msp-keys.json -o acme.txt",),
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--earlier",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Your own copy of the checkpoint received before.",
)
@KEY
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Keep the later one here.")
@json_option
def follows(file: Path, earlier: Path, key: Path | None, output: Path | None) -> int:
    """Check that a later checkpoint begins with the one that you kept: nothing was rolled back or rewritten. Needs the files and
    the signer's keys, and nothing else.

    Exit code 0: it does, and a trusted key signed it. 1: it does, but no key is known here. 4: it does not.
    """
    from console.output import written
    from tenantry.proof.consistency import check_consistency

    report = check_consistency(content(file, "FILE"), content(earlier, "--earlier"), trust_of(key))
    if report["ok"] and output is not None:
        with written(output) as out:
            out.write(report["note"].encode())
    if wants_json():
        echo_json({"file": str(file.absolute()), **report})
    elif report["ok"]:
        click.echo(f"{report['origin']}: {report['later']} entries, beginning with the {report['earlier']} kept")
    else:
        click.echo(f"tenantry: {file}: {report['why']}", err=True)
        click.echo("  Keep both files as they are: together they show it.", err=True)
    if report["ok"]:
        return 0
    return 1 if report["consistent"] else 4


@journal.command(
    "erase",
    examples=(
        "tenantry journal erase acme --mentions dana@acme.example --reason 'GDPR 17, ticket 4711' --dry-run",
        "tenantry journal erase acme --run 3f2a91c0 --reason 'retention ended' --as ann.lee",
    ),
)
@click.argument("tenant", metavar="T", shell_complete=complete.tenants)
@click.option("--run", metavar="RUN", help="Everything recorded of this run.", shell_complete=complete.runs)
@click.option("--mentions", metavar="TEXT", help="Every entry that mentions this, whatever its case.")
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why; stands in the record, so it should not name the person."
)
@click.option("--dry-run", is_flag=True, help="Say how many entries it would be.")
@_AS
@json_option
def erase_payloads(
    tenant: str, run: str | None, mentions: str | None, reason: str, dry_run: bool, person: str | None
) -> None:
    """Erase what the record says, for good: payloads, and the files that only they name. The entries stay, and verify; the
    erasure is an entry. Exported bundles and backups are not reached."""
    from console.session import find_run, opened, trusted
    from tenantry.erasure import erase, select
    from tenantry.errors import InvalidInput

    if (run is None) == (mentions is None) or mentions == "":
        raise InvalidInput("name a run or a text that is mentioned", place="--run, --mentions")
    with opened() as installation:
        run_id = find_run(installation, run).run_id if run is not None else None
        found = select(installation.journal, tenant, run_id=run_id, mentions=mentions)
        shown: dict[str, Any] = {"tenant": tenant, "entries": len(found), "evidence": [], "entry": None}
        if not dry_run:
            by = trusted(
                installation, person, purpose=f"erase:{tenant}", tenant=tenant, needs=lambda _roles: "approver"
            )
            done = erase(installation.journal, installation.evidence, tenant, found, by=by.label, reason=reason.strip())
            installation.ledger.checkpoint(tenant)
            shown |= {"evidence": list(done.evidence), "entry": done.entry.id}
    if wants_json():
        echo_json(shown)
    else:
        what = "would be erased" if dry_run else "were erased"
        click.echo(f"{shown['entries']} payloads and {len(shown['evidence'])} files {what}; the entries stay")


@journal.command("tiles", examples=("tenantry journal tiles acme -o acme-log",))
@click.argument("tenant", metavar="T", shell_complete=complete.tenants)
@click.option("-o", "--output", required=True, metavar="DIR", type=click.Path(path_type=Path), help="A new folder.")
@json_option
def tiles(tenant: str, output: Path) -> None:
    """Export a tenant's signed tree as C2SP tlog-tiles, which other people's tools read. It names nobody."""
    from console.session import opened
    from tenantry.errors import NotFound
    from tenantry.proof.tiles import write_tiles

    with opened() as installation:
        stored = installation.ledger.checkpoint(tenant)
        if stored is None:
            raise NotFound(f"nothing is recorded of {tenant}", place="T")
        write_tiles(output, stored.note, stored.size, installation.ledger.hashes(tenant, stored.size))
    if wants_json():
        echo_json({"folder": str(output.absolute()), "size": stored.size, "origin": stored.checkpoint.origin})
    else:
        click.echo(f"{output}: {stored.size} entries")
