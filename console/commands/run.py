"""Runs: start, follow, list, show, resume, undo, cancel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from console import complete
from console.cli import command, echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from flows.assembly import Installation

F = TypeVar("F", bound=Callable[..., Any])

AS = click.option("--as", "person", metavar="PERSON", help="Who acts; their code is asked for, or read from stdin.")
NO_WAIT = click.option("--no-wait", is_flag=True, help="Leave it to a process of its own and return at once.")
MODE = click.option(
    "--mode",
    type=click.Choice(["run", "plan", "drill"]),
    default="run",
    show_default=True,
    help="plan: read only, say what would change; drill: the same on the lab.",
)


def params_option(runbook: str) -> Callable[[F], F]:
    """The option for a runbook's parameters."""
    said = f"A parameter; `tenantry runbooks show {runbook}` has them."
    return click.option("-p", "--param", "given", multiple=True, metavar="KEY=VALUE", help=said)


@command(
    "run",
    examples=(
        "tenantry run business_email_compromise --tenant acme -p account=dana@acme.example --mode plan",
        "tenantry run business_email_compromise --tenant acme -p account=dana@acme.example --as sam.eng --json",
        "oathtool --totp -b @seed | tenantry run password_reset --tenant acme -p account=dana@acme.example --as sam.eng",
    ),
)
@click.argument("runbook", metavar="ID", shell_complete=complete.runbooks)
@click.option("--tenant", required=True, metavar="T", shell_complete=complete.tenants, help="For which client.")
@params_option("ID")
@MODE
@AS
@NO_WAIT
@json_option
def run(runbook: str, tenant: str, given: tuple[str, ...], mode: str, person: str | None, no_wait: bool) -> int:
    """Start the runbook ID for a tenant and follow it; prints the run.

    Everything is checked before anything starts. With no Prefect server up, one is started for as long as needed. A
    requester who gives a code counts as proven; otherwise approvals under four eyes take two people.
    """
    return begin(runbook, tenant, given, mode, person, no_wait=no_wait)


@command(
    "onboard",
    examples=(
        "tenantry onboard acme --as kim.lead -p lead=kim.lead -p engineers=sam.eng -p on_call=sam.eng,kim.lead",
        "tenantry onboard acme --mode plan",
    ),
)
@click.argument("tenant", metavar="T", shell_complete=complete.tenants)
@params_option("client_onboarding")
@MODE
@AS
@NO_WAIT
@json_option
def onboard(tenant: str, given: tuple[str, ...], mode: str, person: str | None, no_wait: bool) -> int:
    """Take the client T on, or take on what was added: `tenantry run client_onboarding --tenant T`.

    What stands is not done again. It waits for people for days: `tenantry runs show RUN` says how far it is and what waits for whom.
    """
    return begin("client_onboarding", tenant, given, mode, person, no_wait=no_wait)


@command(
    "offboard",
    examples=("tenantry offboard acme --mode plan", "tenantry offboard acme --as kim.lead"),
)
@click.argument("tenant", metavar="T", shell_complete=complete.tenants)
@MODE
@AS
@NO_WAIT
@json_option
def offboard(tenant: str, mode: str, person: str | None, no_wait: bool) -> int:
    """Begin to end the service for the client T: `tenantry run client_offboarding --tenant T`.

    Their own contact orders it, and accepts what is handed over. It deletes nothing: that is `tenantry offboarding close`, after the run.
    """
    return begin("client_offboarding", tenant, (), mode, person, no_wait=no_wait)


def begin(runbook: str, tenant: str, given: tuple[str, ...], mode: str, person: str | None, *, no_wait: bool) -> int:
    """Begin a run and follow it; returns the exit code. What `run` and its shorthands do."""
    from tenantry.runbook import validate_params

    params = read_params(given)
    from console.session import actor, opened

    with opened() as installation:
        # All that can be wrong is found before a code is used up.
        found = installation.catalog.get(runbook)
        named = installation.tenants.get(tenant)
        validate_params(found, params)
        installation.vault.create_tenant_key(named.name)
        requester = actor(installation, person, purpose="run", tenant=named.name)
        from flows import launch

        run_id = launch.prepare(installation, runbook, named.name, params, mode, requester.as_dict())
        click.echo(f"tenantry: run {run_id}", err=True)
        return carry(installation, run_id, wait=not no_wait)


def read_params(given: tuple[str, ...]) -> dict[str, str]:
    """``KEY=VALUE`` pairs of the command line. Raises InvalidInput."""
    from tenantry.errors import InvalidInput

    params: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            # The text is not repeated: it may hold what does not belong on a command line.
            raise InvalidInput("is written KEY=VALUE", place="-p", remedy="For example -p account=dana@acme.example.")
        if name in params:
            raise InvalidInput("is given twice", place=f"-p {name}", remedy="A list is one value, with commas.")
        params[name] = value
    return params


def carry(installation: Installation, run_id: str, *, wait: bool) -> int:
    from console.follow import Follower
    from flows import launch

    try:
        with Follower(quiet=not wait) as follower:
            launch.resume(installation, run_id, follow=follower if wait else None, wait=wait)
    except KeyboardInterrupt:
        click.echo(f"tenantry: interrupted; nothing is lost: `tenantry resume {run_id}` goes on", err=True)
        raise
    return _show(installation.view(run_id, live=False if wait else None), code=wait)


def _show(view: Mapping[str, Any], *, code: bool = True) -> int:
    """Print a run; returns the exit code that it stands for, or 0."""
    from console.session import exit_code

    if wants_json():
        echo_json(view)
    else:
        from console.render import run_tables

        run_tables(view)
    result = exit_code(view) if code else 0
    if code and not wants_json():
        _how_to_go_on(view)
    return result


def _how_to_go_on(view: Mapping[str, Any]) -> None:
    run_id = view["run_id"]
    if view["status"] == "waiting_for_approval":
        steps = " ".join(dict.fromkeys(waiting["step"] for waiting in view["waiting_for"])) or "STEP"
        click.echo(f"Answer with: tenantry approve {run_id} {steps} --as PERSON", err=True)
    elif view["status"] in ("paused_by_failed_step", "interrupted"):
        click.echo(f"Go on with: tenantry resume {run_id}", err=True)


@group("runs", examples=("tenantry runs list --tenant acme", "tenantry runs show 3f2a91c0 --json"))
def runs() -> None:
    """What runs there are, and how one stands. Works with no server up: the record knows."""


@runs.command("list", examples=("tenantry runs list", "tenantry runs list --tenant acme --limit 20 --json"))
@click.option("--tenant", metavar="T", shell_complete=complete.tenants, help="Only this client's.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@json_option
def list_runs(tenant: str | None, limit: int | None) -> None:
    """All runs, the newest first."""
    from console.session import opened

    with opened() as installation:
        if tenant is not None:
            installation.tenants.path(tenant)
        views = installation.views(tenant, limit)
        if wants_json():
            echo_json(list(views))
            return
        from console.render import moment, status, table

        table(
            ("run", "started", "tenant", "runbook", "subject", "mode", "status"),
            (
                (
                    v["run_id"],
                    moment(v["started_at"]),
                    v["tenant"],
                    v["runbook"],
                    v["subject"],
                    v["mode"],
                    status(v["status"]),
                )
                for v in views
            ),
        )


@runs.command("show", examples=("tenantry runs show 3f2a91c0", "tenantry runs show 3f2a91c0 --json"))
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@json_option
def show_run(run: str) -> None:
    """One run: its steps with their changes, what it waits for, its clocks. RUN may be the beginning of the id."""
    from console.session import find_run, opened

    with opened() as installation:
        _show(installation.view(find_run(installation, run).run_id), code=False)


@command("resume", examples=("tenantry resume 3f2a91c0", "tenantry resume 3f2a91c0 --json"))
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@NO_WAIT
@json_option
def resume(run: str, no_wait: bool) -> int:
    """Go on with a run from wherever the record says it stands.

    What is done is skipped, what is in doubt is checked again. Waits up to 15 seconds for another owner's lease to lapse.
    A run that has ended stays as it is.
    """
    from console.session import find_run, opened

    with opened() as installation:
        return carry(installation, find_run(installation, run).run_id, wait=not no_wait)


@command(
    "undo",
    examples=("tenantry undo 3f2a91c0 --as ann.lee", "tenantry undo 3f2a91c0 --step clear_forwarding --as ann.lee"),
)
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@click.option("--step", metavar="S", help="This step alone; the only way to undo what took something from an attacker.")
@AS
@json_option
def undo(run: str, step: str | None, person: str | None) -> int:
    """Put back what a run changed, the newest change first.

    What has no undo, or would give an attacker back what was taken, is left, and the record says why. Nothing is put back
    over a later change of somebody else.
    """
    from console.session import actor, find_run, opened

    with opened() as installation:
        state = find_run(installation, run)
        if step is not None:
            _known_step(installation, state, step)
        by = actor(installation, person, purpose=f"undo:{state.run_id}", tenant=state.tenant)
        from flows import launch

        launch.undo(installation, state.run_id, step=step, by=by.as_dict())
        view = installation.view(state.run_id)
        code = _show(view)
        if step is None:
            return code
        return _code_of_step(view, step, code)


def _known_step(installation: Installation, state: Any, step: str) -> None:
    from tenantry.errors import NotFound

    runbook = installation.runbook_of(state)
    known = [s.id for s in runbook.steps] if runbook is not None else [name for name, _ in state.items]
    if step not in known:
        raise NotFound(f"the run has no step {step!r}", place="--step", remedy=f"Its steps: {', '.join(known)}.")


def _code_of_step(view: Mapping[str, Any], step: str, code: int) -> int:
    """Undoing one step of a finished run succeeded when that step says so, whatever became of the run itself."""
    if any(waiting["step"] == step for waiting in view["waiting_for"]):
        return 3
    outcomes = [shown["outcome"] for shown in view["steps"] if shown["id"] == step]
    if "undo_failed" in outcomes:
        return 4
    return 0 if "undone" in outcomes else code


@command("cancel", examples=("tenantry cancel 3f2a91c0 --as ann.lee",))
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@AS
@json_option
def cancel(run: str, person: str | None) -> int:
    """End a run before its next effect. What is done stays done; `tenantry undo` puts it back.

    Exit code 0 when the run is cancelled now; that of its status when it had ended before.
    """
    from console.session import actor, find_run, opened

    with opened() as installation:
        state = find_run(installation, run)
        by = actor(installation, person, purpose=f"cancel:{state.run_id}", tenant=state.tenant)
        from flows import launch

        launch.cancel(installation, state.run_id, by=by.as_dict())
        view = installation.view(state.run_id)
        code = _show(view)
        return 0 if view["status"] == "cancelled" and state.ended is None else code
