"""What an offboarding takes beside its run: the client's word, the delivery, deleting, answering for it, the attestation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.closing import Closing
    from tenantry.people import Authenticated
    from tenantry.run import RunState
    from tenantry.run.state import Gate

_AS = click.option(
    "--as", "person", required=True, metavar="PERSON", help="Who acts; their code is asked for, or read from stdin."
)
_TENANT = click.argument("tenant", metavar="T")
_RUN = click.argument("run", metavar="RUN", shell_complete=complete.runs)


@group(
    "offboarding",
    examples=(
        "tenantry offboarding word 3f2a91c0 authority",
        "tenantry offboarding deliver 3f2a91c0",
        "tenantry offboarding close acme --as sam.eng",
        "tenantry offboarding verify acme --as kim.lead",
        "tenantry offboarding validate acme --as ann.lee --reason 'as agreed'",
    ),
)
def offboarding() -> None:
    """The end of a client's service, beside its run (`tenantry offboard`): first the client's word and the delivery; after the run deleting,
    three people's answers, and the signed attestation."""


@offboarding.command(
    "word",
    examples=(
        "tenantry offboarding word 3f2a91c0 authority",
        "tenantry offboarding word 3f2a91c0 accepted --manifest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "tenantry offboarding word 3f2a91c0 accepted --deny --reason 'the mail archive is missing'",
    ),
)
@_RUN
@click.argument("step", metavar="STEP")
@click.option("--manifest", default="", metavar="SHA256", help="The digest that the contact read out of their package.")
@click.option("--deny", is_flag=True, help="They refuse.")
@click.option("--reason", default="", metavar="TEXT", help="In their words.")
@json_option
def word(run: str, step: str, manifest: str, deny: bool, reason: str) -> None:
    """Take the client's word on what STEP asks. Their contact reads out the code that their own app shows; it is typed here, or read from stdin.

    What they accept by its digest they name by its digest.
    """
    from console import ask
    from console.session import find_run, opened
    from tenantry.decisions import open_gates
    from tenantry.errors import InvalidInput
    from tenantry.journal import Event

    if len(reason) > 2_000:
        raise InvalidInput("at most 2000 characters", place="--reason")
    with opened() as installation:
        state = find_run(installation, run)
        (gate,) = open_gates(state, step)
        contact = _asked(gate)
        expected = str((gate.request["bound"].get("arguments") or {}).get("manifest") or "")
        if expected and not deny and manifest.strip().lower() != expected:
            raise InvalidInput(
                "the contact names another package, or none",
                place="--manifest",
                remedy="It is the SHA-256 of the file tagmanifest-sha256.txt in the package that they have.",
            )
        purpose = f"offboarding:{state.run_id}:{step}:{gate.digest[:16]}"
        installation.contacts.verify(state.tenant, contact, ask.code(contact), purpose=purpose)
        decision = "deny" if deny else "approve"
        payload = {
            "item": gate.item,
            "digest": gate.digest,
            "by": f"contact {contact}",
            "decision": decision,
            "reason": reason,
        }
        event = Event("step.arrived", payload, state.run_id, step, state.attempt, flow=(state.runbook, state.version))
        installation.journal.append(state.tenant, [event])
        _say(
            {"run_id": state.run_id, "step": step, "by": f"contact {contact}", "decision": decision},
            f"{contact} {'refused' if deny else 'agreed'}; go on with: tenantry resume {state.run_id}",
        )


def _asked(gate: Gate) -> str:
    """The contact whose word it takes. Raises InvalidInput: it is no contact's."""
    from tenantry.errors import InvalidInput

    kind, _, contact = str(gate.request.get("owner") or "").partition(" ")
    if kind != "contact" or gate.request["bound"].get("task") != "offboarding.ask_contact":
        raise InvalidInput(
            "this is not the client's contact's to answer", place="STEP", remedy="`tenantry approve` answers it."
        )
    return contact


@offboarding.command("deliver", examples=("tenantry offboarding deliver 3f2a91c0",))
@_RUN
@json_option
def deliver(run: str) -> None:
    """Put everything together that is held for the client, and deliver it to their place: a BagIt package, every byte read back, credentials sealed
    to their own age keys. Interrupted, the same command goes on: what arrived is not sent again."""
    import asyncio
    import sys

    from console.session import find_run, opened
    from flows.handing_over import hand_over
    from tenantry.decisions import open_gates
    from tenantry.journal import Event

    with opened() as installation:
        state = find_run(installation, run)
        (gate,) = open_gates(state, "deliver")

        shows = sys.stderr.isatty()

        def progress(files: int, size: int) -> None:
            if shows:
                click.echo(f"\rtenantry: {files} files, {size} bytes are there and read back", nl=False, err=True)

        receipt = asyncio.run(hand_over(installation, state, progress=progress))
        if shows:
            click.echo(err=True)
        payload = {"item": gate.item, "digest": gate.digest, "by": "delivery", "reason": receipt.manifest_sha256}
        event = Event(
            "step.arrived", payload, state.run_id, "deliver", state.attempt, flow=(state.runbook, state.version)
        )
        installation.journal.append(state.tenant, [event])
        shown = {
            "run_id": state.run_id,
            "place": receipt.place,
            "files": receipt.files,
            "bytes": receipt.size,
            "manifest_sha256": receipt.manifest_sha256,
        }
        _say(shown, f"{receipt.files} files at {receipt.place}; the client accepts it by {receipt.manifest_sha256}")


@offboarding.command("show", examples=("tenantry offboarding show acme --json",))
@_TENANT
@json_option
def show(tenant: str) -> None:
    """How the deletion stands: each place, who answered for it, what stands in the attestation's way."""
    from console.session import opened

    with opened() as installation:
        _shown(installation, _closing(installation, tenant))


@offboarding.command("close", examples=("tenantry offboarding close acme --as sam.eng",))
@_TENANT
@click.option("--run", "run", metavar="RUN", help="The offboarding that it follows; the newest one that has ended.")
@_AS
@json_option
def close(tenant: str, run: str | None, person: str) -> None:
    """Delete everything that is held here for the client T, place by place, each looked up again. There is no way back.

    It follows a `client_offboarding` run that went through to its end, and refuses while a legal hold stands, access works, or another run is open.
    Interrupted, the same command goes on.
    """
    import asyncio

    from console.session import find_run, opened
    from flows import closing as work

    with opened() as installation:
        found = work.standing(installation, tenant)
        going = found is not None and found.attested is None and (run is None or found.said["run"].startswith(run))
        if going and found is not None:
            state = _state(installation, str(found.said["run"]))
            who = _proven(installation, person, tenant, work.purpose_of(found.id, "performer"))
        else:
            state = find_run(installation, run) if run else _newest(installation, tenant)
            who = _proven(installation, person, tenant, work.purpose_of(state.run_id, "performer"))
        done = asyncio.run(
            work.close(installation, state, who, tell=lambda line: click.echo(f"tenantry: {line}", err=True))
        )
        _shown(installation, done)


@offboarding.command("verify", examples=("tenantry offboarding verify acme --as kim.lead",))
@_TENANT
@click.option("--reason", default="every place was counted again", metavar="TEXT", help="What you looked at besides.")
@_AS
@json_option
def verify(tenant: str, reason: str, person: str) -> None:
    """Answer for it that the deletion was completed: everything is counted again now, and the record verified. Not who deleted it."""
    _answered(tenant, "verifier", person, "accepted", reason)


@offboarding.command(
    "validate", examples=("tenantry offboarding validate acme --as ann.lee --reason 'as agreed in annex 3'",)
)
@_TENANT
@click.option("--reason", required=True, metavar="TEXT", help="On what grounds.")
@click.option("--reject", is_flag=True, help="It is not accepted.")
@_AS
@json_option
def validate(tenant: str, reason: str, reject: bool, person: str) -> None:
    """Accept the deletion for the MSP, as an approver, after somebody verified it. Then `attest` signs."""
    _answered(tenant, "validator", person, "rejected" if reject else "accepted", reason)


@offboarding.command("attest", examples=("tenantry offboarding attest acme",))
@_TENANT
@json_option
def attest(tenant: str) -> None:
    """Sign the attestation and write its PDF. Refused, point by point, while anything is unverified, unknown or unanswered."""
    from console.session import opened
    from flows.closing import attest as sign

    with opened() as installation:
        closing, signed = sign(installation, tenant)
        _say(
            {
                "closing": closing.id,
                "tenant": tenant,
                "file": str(signed),
                "pdf": str(signed.with_name("certificate.pdf")),
            },
            f"{signed}: {closing.id}; check it with `tenantry attestation verify`",
        )


def _answered(tenant: str, role: Any, person: str, decision: Any, reason: str) -> None:
    import asyncio

    from console.session import opened
    from flows import closing as work
    from tenantry.errors import InvalidInput

    if not 0 < len(reason.strip()) <= 1_000:
        raise InvalidInput("is a text of at most 1000 characters", place="--reason")
    with opened() as installation:
        found = _closing(installation, tenant)
        needs = "approver" if role == "validator" else None
        who = _proven(installation, person, tenant, work.purpose_of(found.id, role), needs)
        _shown(
            installation,
            asyncio.run(work.answer(installation, tenant, role, who, decision=decision, reason=reason.strip())),
        )


def _proven(installation: Installation, person: str, tenant: str, purpose: str, role: Any = None) -> Authenticated:
    from console import ask

    return installation.people.authenticate(person, ask.code(person), purpose=purpose, tenant=tenant, role=role)


def _closing(installation: Installation, tenant: str) -> Closing:
    from flows.closing import standing
    from tenantry.errors import NotFound

    found = standing(installation, tenant)
    if found is None:
        raise NotFound(f"{tenant} is not being closed", remedy=f"`tenantry offboarding close {tenant}` begins it.")
    return found


def _newest(installation: Installation, tenant: str) -> RunState:
    from flows.closing import RUNBOOK
    from tenantry.errors import NotFound

    for index in installation.journal.runs(installation.tenants.get(tenant).name):
        state = installation.state(index.run_id)
        if state.runbook == RUNBOOK and state.mode == "run":
            return state
    raise NotFound(f"{tenant} has no offboarding run", remedy=f"`tenantry offboard {tenant}` begins one.")


def _state(installation: Installation, run: str) -> RunState:
    return installation.state(run)


def _shown(installation: Installation, closing: Closing) -> None:
    from tenantry.closing import certificate
    from tenantry.sanitization import withheld
    from tenantry.sanitization.model import JournalPlace

    draft = None
    if any(one.left is not None for one in closing.emptied.values()):
        nowhere = JournalPlace(origin="not proven yet", index=0, proof="0" * 64)
        draft = certificate(
            closing, nowhere, organization=installation.estate.name, now=installation.journal.clock.now()
        )
    why = withheld(draft) if draft is not None else ["nothing was deleted yet"]
    shown: dict[str, Any] = {
        "closing": closing.id,
        "tenant": closing.tenant,
        "run_id": closing.said["run"],
        "places": [
            {
                "id": name,
                "found": one.found if one else None,
                "left": one.left if one else None,
                "retained": len(one.retained) if one else 0,
            }
            for name in closing.said["places"]
            for one in [closing.emptied.get(name)]
        ],
        "performer": closing.performer["person"],
        **{role: (found["person"] if (found := closing.answer(role)) else None) for role in ("verifier", "validator")},
        "withheld": [] if closing.attested is not None else why,
        "attested": dict(closing.attested) if closing.attested is not None else None,
    }
    if wants_json():
        echo_json(shown)
        return
    from console.render import table

    table(
        ("place", "found", "left", "retained"),
        (
            (row["id"], row["found"], "not looked at yet" if row["left"] is None else row["left"], row["retained"])
            for row in shown["places"]
        ),
    )
    for line in shown["withheld"]:
        click.echo(f"  withheld: {line}")
    if closing.attested is not None:
        click.echo(f"attested: {closing.attested['file']}")


def _say(shown: dict[str, Any], text: str) -> None:
    if wants_json():
        echo_json(shown)
    else:
        click.echo(text)
