"""What lets others check the record: evidence bundles, signed checkpoints, keys, attestations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from tenantry.proof import TrustStore
    from tenantry.proof.check import BundleReport

_RUN = click.argument("run", metavar="RUN", shell_complete=complete.runs)
_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
_KEY = click.option(
    "--key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The signer's keys, which came on another way: from `tenantry keys export`, or PEM. Else this machine's own.",
)


@group("evidence", examples=("tenantry evidence export 3f2a91c0 -o incident-evidence",))
def evidence() -> None:
    """What was recorded and collected, for those who must check it."""


@evidence.command("export", examples=("tenantry evidence export 3f2a91c0 -o incident-evidence",))
@_RUN
@click.option(
    "-o", "--output", required=True, metavar="DIR", type=click.Path(path_type=Path), help="A folder, new or empty."
)
@json_option
def export_evidence(run: str, output: Path) -> None:
    """Write a run's entries, payloads, evidence and timelines into a folder, with proofs, signed, and a README that tells a
    stranger how to check them."""
    from console.record import bundle as exported
    from console.session import find_run, opened

    with opened() as installation:
        state = find_run(installation, run)
        bundle = exported(installation, state, output)
    shown = {
        "run_id": state.run_id,
        "folder": str(bundle.folder),
        "files": bundle.files,
        "entries": bundle.entries,
        "evidence": bundle.evidence,
        "events": bundle.events,
    }
    if wants_json():
        echo_json(shown)
    else:
        click.echo(
            f"{bundle.folder}: {bundle.files} files, {bundle.entries} entries, {bundle.evidence} pieces of evidence"
        )


@evidence.command(
    "verify",
    examples=(
        "tenantry evidence verify incident-evidence",
        "tenantry evidence verify incident-evidence --key msp-keys.json",
    ),
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_KEY
@click.option(
    "--earlier",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A checkpoint received before: this record must begin with it.",
)
@json_option
def verify_evidence(folder: Path, key: Path | None, earlier: Path | None) -> int:
    """Check a bundle. Needs the folder and the signer's keys, and nothing else.

    Exit code 0: whole, and signed with a key that is trusted. 1: whole, but only the key inside the bundle says who signed.
    4: something is wrong; the first bad file and line are named.
    """
    from tenantry.proof.check import ATTESTATION, check_bundle

    signed = folder / ATTESTATION
    trust = _trust(key, _content(signed, "DIR") if signed.is_file() else b"")
    report = check_bundle(folder, trust, earlier=_content(earlier, "--earlier") if earlier else None)
    if wants_json():
        echo_json(
            {"folder": str(folder.absolute()), "ok": report.ok and report.signer == "established", **vars(report)}
        )
    else:
        _print_report(folder, report)
    if not report.ok:
        return 4
    return 0 if report.signer == "established" else 1


def _print_report(folder: Path, report: BundleReport) -> None:
    bad = report.first_bad
    if bad is not None:
        place = f"{bad['file']}, line {bad['line']}" if bad["line"] else bad["file"]
        click.echo(f"tenantry: {folder}: {place}: {bad['why']}", err=True)
        click.echo("  Keep it as it is, and ask for another copy.", err=True)
        return
    checkpoint = report.checkpoint or {}
    click.echo(
        f"{folder}: run {report.run_id}, {report.entries} entries, {report.evidence} pieces of evidence, {report.files} files: "
        f"nothing was changed since {checkpoint.get('witnessed_at')}"
    )
    if report.payloads_erased:
        click.echo(f"{report.payloads_erased} payloads were erased; their entries verify")
    for unproven in report.unproven:
        click.echo(f"tenantry: {unproven}", err=True)
    if report.signer == "established":
        click.echo(f"signed with key {report.epoch or ''} {report.key}")
    else:
        click.echo("tenantry: signer not established: only the key inside the bundle says who signed", err=True)
        click.echo(
            f"  Ask the signer for the keys on another way, and give them with --key. It was {report.key}", err=True
        )


def _trust(key: Path | None, envelope: bytes) -> TrustStore | None:
    """The keys that were brought, else this machine's own; None when those do not know who signed the envelope: then nobody
    here can say, which is not the same as a wrong signature."""
    from tenantry.errors import InvalidInput
    from tenantry.home import Home
    from tenantry.proof import TrustStore
    from tenantry.proof.dsse import read_statement

    if key is not None:
        return TrustStore.read(key)
    store = TrustStore.folder(Home.locate().trust)
    try:
        signer = read_statement(envelope)[1]
    except InvalidInput:
        return store  # said where it is checked
    return store if any(one.fingerprint == signer for keys in store.keys.values() for one in keys) else None


def _content(path: Path, place: str) -> bytes:
    from tenantry.errors import InvalidInput

    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror})", place=place) from error


# --- the journal ------------------------------------------------------------------------------------------------------


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


@journal.command("checkpoint", examples=("tenantry journal checkpoint", "tenantry journal checkpoint acme -o acme.txt"))
@click.argument("tenant", metavar="[T]", required=False, shell_complete=complete.tenants)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="A copy for the client, to keep.")
@json_option
def checkpoint(tenant: str | None, output: Path | None) -> None:
    """Sign the record as it is now: of one tenant, or of all. The runs do so by themselves when they end."""
    from console.output import written
    from console.record import anchored
    from console.session import opened
    from tenantry.errors import InvalidInput, NotFound

    if output is not None and tenant is None:
        raise InvalidInput("a copy is of one tenant's checkpoint; name the tenant", place="-o")
    with opened() as installation:
        if tenant is None:
            signed = installation.ledger.checkpoint_all()
        else:
            one = installation.ledger.checkpoint(tenant)
            if one is None:
                raise NotFound(f"nothing is recorded of {tenant}", place="T")
            signed = [one]
        for one in signed:
            anchored(installation, one)
    if output is not None:
        with written(output) as out:
            out.write(signed[0].note)
    if wants_json():
        echo_json([{"tree": one.tree, "size": one.size, "at": one.at, "note": one.note.decode()} for one in signed])
    elif str(output) != "-":
        for one in signed:
            click.echo(f"{one.checkpoint.origin}: {one.size} entries, signed with key {one.epoch}")


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


# --- keys -------------------------------------------------------------------------------------------------------------


@group("keys", examples=("tenantry keys export -o msp-keys.json",))
def keys() -> None:
    """The keys that sign the record. The private ones never leave the vault."""


@keys.command("export", examples=("tenantry keys export -o msp-keys.json", "tenantry keys export -o -"))
@click.option("-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path), help="- is stdout.")
@json_option
def export_keys(output: Path) -> None:
    """Write the public keys and when each was in force, for those who verify. Hand it over on another way than the bundles."""
    import json

    from console.output import written
    from console.session import opened
    from tenantry.errors import InvalidInput
    from tenantry.names import MSP
    from tenantry.proof.trust import key_document

    if wants_json() and str(output) == "-":
        raise InvalidInput("stdout holds the JSON document already; name a file", place="-o")
    with opened() as installation:
        if not installation.ledger.keys()[1]:
            installation.ledger.checkpoint(MSP)
        document = key_document(*installation.ledger.keys())
    with written(output) as out:
        out.write(json.dumps(document, indent=2).encode() + b"\n")
    if wants_json():
        echo_json({"file": str(output.absolute()), **document})
    elif str(output) != "-":
        for key in document["keys"]:
            click.echo(f"key {key['epoch']} since {key['since']}: {key['fingerprint']}")


@keys.command("rotate", examples=("tenantry keys rotate --reason 'a year has passed' --as ann.lee",))
@click.option("--reason", required=True, metavar="TEXT", help="Why; stands in the record.")
@_AS
@json_option
def rotate(reason: str, person: str | None) -> None:
    """End the signing key's epoch and begin a new one. The old private key is destroyed; what it signed stays valid."""
    from console.session import opened, trusted
    from tenantry.names import MSP

    with opened() as installation:
        by = trusted(installation, person, purpose="keys.rotate", tenant=MSP, needs=lambda _roles: "approver")
        key = installation.ledger.rotate(by=by.label, reason=reason.strip())
    shown: dict[str, Any] = {"epoch": key.epoch, "fingerprint": key.fingerprint, "since": key.since, "by": by.label}
    if wants_json():
        echo_json(shown)
    else:
        click.echo(f"key {key.epoch} is in force: {key.fingerprint}; export it to those who verify")


# --- attestations -----------------------------------------------------------------------------------------------------


@group("attestation", examples=("tenantry attestation create 3f2a91c0 -o run.dsse.json",))
def attestation() -> None:
    """Signed statements (DSSE, in-toto). What was not verified is not attested."""


@attestation.command("create", examples=("tenantry attestation create 3f2a91c0 -o run.dsse.json",))
@_RUN
@click.option("-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path), help="- is stdout.")
@json_option
def create(run: str, output: Path) -> None:
    """Sign a statement over a run that has ended: its outcomes, what was not verified, its place in the record. Refused when
    the record or a collected file does not verify."""
    from console.output import written
    from console.record import attested
    from console.session import find_run, opened
    from tenantry.errors import InvalidInput

    if wants_json() and str(output) == "-":
        raise InvalidInput("stdout holds the JSON document already; name a file", place="-o")
    with opened() as installation:
        state = find_run(installation, run)
        said, envelope = attested(installation, state)
    with written(output) as out:
        out.write(envelope)
    if wants_json():
        echo_json({"file": str(output.absolute()), "run_id": state.run_id, "result": said["predicate"]["result"]})
    elif str(output) != "-":
        click.echo(f"{output}: run {state.run_id}, {said['predicate']['result']}")


@attestation.command(
    "verify",
    examples=("tenantry attestation verify run.dsse.json", "tenantry attestation verify run.dsse.json --key msp.json"),
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_KEY
@json_option
def verify_attestation(file: Path, key: Path | None) -> int:
    """Check the signature of a statement and say what it states. Exit code 1 when no trusted key is there to check it with, 4
    when the signature is wrong or another key's."""
    from tenantry.proof.attest import check_attestation

    content = _content(file, "FILE")
    report = check_attestation(content, _trust(key, content))
    if wants_json():
        echo_json({"file": str(file.absolute()), **report})
    elif report["why"]:
        click.echo(f"tenantry: {file}: {report['why']}", err=True)
        click.echo("  Ask the signer for the keys on another way, and for another copy.", err=True)
    else:
        for subject in report["subject"]:
            click.echo(f"{subject['name']}: {report['predicate'].get('result')}, signed with key {report['key']}")
    if report["ok"]:
        return 0
    return 1 if report["signer"] == "not_established" else 4
