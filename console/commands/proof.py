"""What lets others check the record: evidence bundles, signed checkpoints, keys, attestations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json
from console.trusting import KEY, content, trust_of

if TYPE_CHECKING:
    from tenantry.proof.check import BundleReport

_RUN = click.argument("run", metavar="RUN", shell_complete=complete.runs)
_AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")


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
@KEY
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
    trust = trust_of(key, content(signed, "DIR") if signed.is_file() else b"")
    report = check_bundle(folder, trust, earlier=content(earlier, "--earlier") if earlier else None)
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
@KEY
@json_option
def verify_attestation(file: Path, key: Path | None) -> int:
    """Check the signature of a statement and say what it states. Exit code 1 when no trusted key is there to check it with, 4
    when the signature is wrong or another key's."""
    from console.render import clean
    from tenantry.proof.attest import check_attestation
    from tenantry.sanitization import KIND

    signed = content(file, "FILE")
    report = check_attestation(signed, trust_of(key, signed))
    if wants_json():
        echo_json({"file": str(file.absolute()), **report})
    elif report["why"]:
        click.echo(f"tenantry: {file}: {report['why']}", err=True)
        click.echo("  Ask the signer for the keys on another way, and for another copy.", err=True)
    elif report["predicateType"] == KIND:
        for line in _deletion(report["predicate"]):
            click.echo(clean(line))
        click.echo(f"signed with key {report['key']}")
    else:
        for subject in report["subject"]:
            click.echo(f"{subject['name']}: {report['predicate'].get('result')}, signed with key {report['key']}")
    return _code(report)


def _deletion(said: Mapping[str, Any]) -> Iterator[str]:
    """What a statement of a deletion says, for people: whose, how far, where, what is kept, who answers for it."""
    yield f"{said['client']}: {said['result']}"
    yield f"  certificate {said['certificateId']} of {said['issuedAt']}, after {said['standard']}"
    for one in said["locations"]:
        yield f"  {one['methodAchieved']}: {one['what']} ({one['where']}): {one['technique']}"
    for one in said["legal"]["retained"]:
        yield f"  kept until {one['until']}: {one['what']} ({one['where']}), {one['law']}"
    for one in said["notRecorded"]:
        yield f"  not recorded: {one}"
    yield "  " + ", ".join(f"{one['role']} {one['name']}" for one in said["people"])


@attestation.command(
    "certificate", examples=("tenantry attestation certificate deletion.dsse.json -o certificate.pdf --key msp.json",)
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path), help="- is stdout.")
@KEY
@json_option
def certificate(file: Path, output: Path, key: Path | None) -> int:
    """Write a signed statement of a deletion as a PDF certificate. Only what verifies is rendered; exit codes as of `verify`."""
    import hashlib

    from console.output import written
    from tenantry.errors import InvalidInput
    from tenantry.proof.attest import check_attestation
    from tenantry.proof.dsse import read_statement
    from tenantry.sanitization import KIND
    from tenantry.sanitization.certificate import pdf

    if wants_json() and str(output) == "-":
        raise InvalidInput("stdout holds the JSON document already; name a file", place="-o")
    signed = content(file, "FILE")
    report = check_attestation(signed, trust_of(key, signed))
    if not report["ok"]:
        click.echo(f"tenantry: {file}: {report['why']}", err=True)
        return _code(report)
    if report["predicateType"] != KIND:
        raise InvalidInput("this statement is about no deletion", place=str(file))
    rendered = pdf(read_statement(signed)[0], report["key"], hashlib.sha256(signed).hexdigest())
    with written(output) as out:
        out.write(rendered)
    if wants_json():
        echo_json({"file": str(output.absolute()), "certificate": report["predicate"]["certificateId"]})
    return 0


def _code(report: dict[str, Any]) -> int:
    if report["ok"]:
        return 0
    return 1 if report["signer"] == "not_established" else 4
