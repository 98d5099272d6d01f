"""The `tenantry` command. The families stand in :mod:`console.commands` and are imported when one is called."""

from __future__ import annotations

from typing import Any

import click

from console.cli import Lazy, Root
from tenantry import dumps

_C = "console.commands"

SECTIONS = {
    "Runs": {
        "run": Lazy(f"{_C}.run:run", "Start a runbook for a tenant and follow it."),
        "onboard": Lazy(f"{_C}.run:onboard", "Take a client on, or what was added."),
        "offboard": Lazy(f"{_C}.run:offboard", "Begin the end of a client's service."),
        "offboarding": Lazy(
            f"{_C}.offboarding:offboarding", "Deliver, accept, delete, attest: what an offboarding takes."
        ),
        "activate-dr": Lazy(f"{_C}.dr:activate", "Carry out a disaster recovery plan, or rehearse it."),
        "runs": Lazy(f"{_C}.run:runs", "List runs, and show one."),
        "resume": Lazy(f"{_C}.run:resume", "Go on with a run that was interrupted, paused or waits."),
        "undo": Lazy(f"{_C}.run:undo", "Put back what a run changed."),
        "cancel": Lazy(f"{_C}.run:cancel", "End a run; what is done stays done."),
        "campaign": Lazy(f"{_C}.campaign:campaign", "Start a runbook for many tenants at once, and follow them."),
        "freeze": Lazy(f"{_C}.record:freeze", "Stop every effect, everywhere or for one tenant."),
        "unfreeze": Lazy(f"{_C}.record:unfreeze", "Let effects happen again."),
    },
    "People and approvals": {
        "approvals": Lazy(f"{_C}.approvals:approvals", "What waits for a person's answer."),
        "approve": Lazy(f"{_C}.approvals:approve", "Approve or deny what a run asks, or answer its questions."),
        "people": Lazy(f"{_C}.people:people", "Who may do what, and how they prove who they are."),
        "contacts": Lazy(f"{_C}.contacts:contacts", "The clients' contacts, and how they prove who they are."),
        "verify-caller": Lazy(f"{_C}.contacts:verify_caller", "Make sure that a caller is who they say."),
    },
    "The record": {
        "note": Lazy(f"{_C}.record:note", "Put a note into a run's record."),
        "timeline": Lazy(f"{_C}.record:timeline", "Export a run's timeline."),
        "evidence": Lazy(f"{_C}.proof:evidence", "Export a run's record and evidence, and verify exports."),
        "journal": Lazy(f"{_C}.journal:journal", "Verify and sign the whole record."),
        "keys": Lazy(f"{_C}.proof:keys", "The keys that sign the record: export, rotate."),
        "attestation": Lazy(f"{_C}.proof:attestation", "Sign a statement over a run, and verify one."),
    },
    "What there is": {
        "tenants": Lazy(f"{_C}.tenants:tenants", "The clients: add, list, show, check."),
        "connect": Lazy(f"{_C}.connect:connect", "Connect a client's Microsoft 365 or AWS, and prove it by use."),
        "runbooks": Lazy(f"{_C}.runbooks:runbooks", "The runbooks: list, show, validate, schema."),
        "dr": Lazy(f"{_C}.dr:dr", "Disaster recovery plans: list, check, show."),
        "tasks": Lazy(f"{_C}.tasks:tasks", "The tasks that runbooks are made of."),
        "compliance": Lazy(
            f"{_C}.compliance:compliance", "What is required of clients: run, except, answer, policies."
        ),
        "holds": Lazy(f"{_C}.holds:holds_group", "Legal holds: list, set, lift."),
        "risks": Lazy(f"{_C}.risks:risks", "The clients' risk registers: list, add, treat, review, close."),
        "vault": Lazy(f"{_C}.vault:vault", "The tenants' secrets: put, list, show, delete."),
    },
    "Looking for a compromise": {
        "alerts": Lazy(f"{_C}.alerts:alerts", "Alerts from outside, and what became of each."),
        "sweep": Lazy(f"{_C}.sweep:sweep", "Sweep exported logs for signs of a compromise."),
    },
    "This machine": {
        "up": Lazy(f"{_C}.up:up", "Serve Prefect's pages and execute the runs started there."),
        "doctor": Lazy(f"{_C}.doctor:doctor", "Whether this installation is well."),
        "backup": Lazy(f"{_C}.backup:backup", "Back up everything in TENANTRY_HOME, while it is in use."),
        "restore": Lazy(f"{_C}.backup:restore", "Restore a backup into an empty TENANTRY_HOME."),
    },
    "Trying it": {
        "demo": Lazy(f"{_C}.demo:demo", "An incident from alert to report, on this machine alone."),
        "lab": Lazy(f"{_C}.lab:lab", "Serve a stand-in tenant to practise on."),
        "bench": Lazy(f"{_C}.bench:bench", "Measure, each figure against a named baseline."),
    },
}


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"tenantry {version('tenantry')}")
        ctx.exit()


@click.group(
    "tenantry",
    cls=Root,
    sections=SECTIONS,
    examples=(
        "tenantry demo",
        "tenantry lab --tenant acme",
        "tenantry run business_email_compromise --tenant acme -p account=dana@acme.example --mode plan",
        "tenantry approve 3f2a91c0 enable_sign_in --as ann.lee",
    ),
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def cli() -> None:
    """Runbook automation for managed service providers: every step checked, verified, recorded, resumable.

    Everything is kept in TENANTRY_HOME. Exit codes: 0 done, 1 done with exceptions or something was found, 2 wrong usage
    or input, 3 waiting for an approval, 4 failed, 5 refused by a rule. Codes and secrets are asked for, or read as one
    line from stdin; never from an argument.

    Shell completion: eval "$(_TENANTRY_COMPLETE=bash_source tenantry)" in ~/.bashrc; zsh_source and fish_source likewise.
    """


def main(argv: list[str] | None = None) -> Any:
    """Entry point of the `tenantry` script. Does not return: exits with the contract's code."""
    dumps.forbid()
    return cli.main(argv, prog_name="tenantry")
