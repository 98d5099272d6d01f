"""Questions that runs ask people, and people's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import command, echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from flows.assembly import Installation


@group("approvals", examples=("tenantry approvals list", "tenantry approvals list --tenant acme --json"))
def approvals() -> None:
    """What waits for a person's answer; `tenantry approve` gives it."""


@approvals.command("list", examples=("tenantry approvals list --tenant acme",))
@click.option("--tenant", metavar="T", shell_complete=complete.tenants, help="Only this client's.")
@json_option
def list_approvals(tenant: str | None) -> None:
    """Every question of every run that still takes an answer, the oldest first."""
    from console.session import opened

    with opened() as installation:
        rows = sorted(_open(installation, tenant), key=lambda row: str(row["requested_at"]))
        if wants_json():
            echo_json(rows)
            return
        from console.render import moment, table

        table(
            ("run", "tenant", "step", "item", "asked of", "until", "question", "why"),
            (
                (
                    row["run_id"],
                    row["tenant"],
                    row["step"],
                    row["item"],
                    f"{row['role']}{', four eyes' if row['four_eyes'] else ''}",
                    moment(row["expires_at"]),
                    row["question"],
                    "; ".join(row["reasons"]),
                )
                for row in rows
            ),
        )


def _open(installation: Installation, tenant: str | None) -> list[dict[str, Any]]:
    from tenantry.approvals import evaluate
    from tenantry.run import waiting_view
    from tenantry.run.gates import as_decisions, as_request

    people, now = installation.people.records(), installation.journal.clock.now()
    rows = []
    for index in installation.journal.runs(tenant):
        state = installation.state(index.run_id)
        if state.ended is not None:
            continue
        facts = {"run_id": state.run_id, "tenant": state.tenant, "runbook": state.runbook, "subject": state.subject}
        rows += [
            facts | waiting_view(gate)
            for gate in state.open_gates()
            if evaluate(as_request(state, gate), as_decisions(state, gate), people, now) == "pending"
        ]
    return rows


@command(
    "approve",
    examples=(
        "tenantry approve 3f2a91c0 enable_sign_in --as ann.lee",
        "tenantry approve 3f2a91c0 contain recover --as ann.lee --reason 'spoke to the client'",
        "tenantry approve 3f2a91c0 remove_device --item 5d1f --as ann.lee --deny --reason 'it is the new laptop'",
        "oathtool --totp -b @seed | tenantry approve 3f2a91c0 enable_sign_in --as ann.lee --json",
    ),
)
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@click.argument("steps", metavar="STEP...", nargs=-1, required=True)
@click.option(
    "--as", "person", required=True, metavar="PERSON", help="Who answers; their code is asked for, or read from stdin."
)
@click.option("--item", "items", multiple=True, metavar="I", help="For a step of many: which item; may be repeated.")
@click.option("--every-item", is_flag=True, help="For a step of many: all items that it asks about.")
@click.option("--deny", is_flag=True, help="Deny: no, not done.")
@click.option(
    "--by-hand",
    is_flag=True,
    help="For a step that failed: it was done by hand, and is not tried again; say what with --reason.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why; stands in the record.")
@json_option
def approve(
    run: str,
    steps: tuple[str, ...],
    person: str,
    items: tuple[str, ...],
    every_item: bool,
    deny: bool,
    by_hand: bool,
    reason: str,
) -> None:
    """Approve (yes, done) or deny (no, not done) what a run asks at one or several STEPs, with one code.

    An answer is bound to exactly what would be done. Who asked for the run, was enrolled after it began, or lacks the role
    or the tenant cannot answer. Of a step that failed, approving has it tried again and denying leaves it out. RUN may be the beginning of the id. Prints the run.
    """
    from console import ask
    from console.session import find_run, opened
    from tenantry.decisions import decide_all, open_gates, prove
    from tenantry.errors import InvalidInput

    if every_item and items:
        raise InvalidInput("either --item or --every-item", place="--every-item")
    if items and len(steps) > 1:
        raise InvalidInput("belongs to one step; name that step alone", place="--item")
    with opened() as installation:
        state = find_run(installation, run)
        wanted = None if every_item else items
        gates = [gate for step in dict.fromkeys(steps) for gate in open_gates(state, step, wanted)]
        proof = prove(installation.journal, installation.people, state, person, ask.code(person))
        decide_all(
            installation.journal,
            installation.people,
            state,
            gates,
            proof,
            "deny" if deny else "approve",
            reason.strip(),
            by_hand=by_hand,
        )
        goes_on = _nudge(installation, state.run_id)
        view = installation.view(state.run_id)
        if wants_json():
            echo_json(view)
        else:
            from console.render import run_tables

            run_tables(view)
        if not goes_on and view["status"] == "waiting_for_approval":
            click.echo(f"Recorded. Go on with: tenantry resume {state.run_id}", err=True)


def _nudge(installation: Installation, run_id: str) -> bool:
    """Let a service that runs here carry on. The answer is in the record already, whatever becomes of this."""
    from flows.server import find

    if find(installation.home) is None:
        return False
    from flows import launch

    try:
        return launch.nudge(installation, run_id)
    except Exception as error:  # noqa: BLE001 - Prefect's client may raise anything; `resume` does the same by hand
        click.echo(f"tenantry: the server could not be told ({type(error).__name__})", err=True)
        return False
