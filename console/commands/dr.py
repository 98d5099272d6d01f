"""Disaster recovery plans: list them, see what one says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import command, echo_json, group, json_option, wants_json
from console.commands import run as runs
from tenantry.clock import rfc3339

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.disaster.load import LoadedPlan
    from tenantry.disaster.order import Schedule

_PLAN = click.argument("plan", metavar="PLAN")
_TENANT = click.option("--tenant", metavar="T", shell_complete=complete.tenants, help="Whose plan it is.")


@group(
    "dr",
    examples=(
        "tenantry dr list --tenant acme",
        "tenantry dr check acme_web --tenant acme",
    ),
)
def dr() -> None:
    """Disaster recovery plans. A client's lie in TENANTRY_HOME/tenants/T/disaster, templates and the MSP's own in runbooks/disaster/plans.

    `tenantry activate-dr T -p plan=PLAN` carries one out; with `--mode drill` it is rehearsed.
    """


@dr.command("list", examples=("tenantry dr list --tenant acme --json",))
@_TENANT
@json_option
def list_plans(tenant: str | None) -> None:
    """Every plan, with how many findings it has."""
    from console.session import opened
    from flows.pinning import plan_of
    from tenantry.disaster.load import plan_files
    from tenantry.errors import InvalidPlan

    rows: list[dict[str, Any]] = []
    with opened() as installation:
        named = installation.tenants.get(tenant).name if tenant else None
        for name, path in sorted(plan_files(installation.home, named).items()):
            row: dict[str, Any] = {"id": name, "file": str(path), "error": None}
            try:
                loaded = plan_of(installation, name, named)
            except InvalidPlan as error:
                rows.append(row | {"title": "", "tenant": None, "systems": 0, "findings": 0, "error": error.message})
                continue
            plan = loaded.plan
            rows.append(
                row
                | {
                    "title": plan.title,
                    "tenant": plan.tenant,
                    "systems": len(plan.systems),
                    "findings": len(loaded.findings),
                }
            )
    if wants_json():
        echo_json(rows)
        return
    from console.render import table

    table(
        ("plan", "title", "client", "systems", "findings"),
        [
            (
                row["id"],
                row["title"],
                row["tenant"] or "a template",
                str(row["systems"]),
                "refused" if row["error"] else str(row["findings"]),
            )
            for row in rows
        ],
    )


@dr.command("check", examples=("tenantry dr check acme_web --tenant acme", "tenantry dr check web_service --json"))
@_PLAN
@_TENANT
@json_option
def check(plan: str, tenant: str | None) -> int:
    """What is wrong with PLAN, each with file and line. Exit code 1 with findings, 2 when it could not be carried out at all.

    Findings: an RTO or RPO that cannot be kept, a backup that nobody has tested or that can be deleted, a drill that is too long ago, an owner or
    declarer whom nobody knows, no way back. A plan with findings can be activated; whoever declares is told.
    """
    from console.session import opened

    with opened() as installation:
        loaded, named = _loaded(installation, plan, tenant)
        found = [finding.as_dict() | {"file": loaded.file} for finding in loaded.findings]
    if wants_json():
        echo_json({"plan": loaded.plan.id, "tenant": named, "findings": found})
        return 1 if found else 0
    for one in found:
        click.echo(f"{one['file']}:{one['line']}: {one['text']}")
    if not found:
        click.echo(f"{loaded.plan.id}: nothing is wrong with it")
    return 1 if found else 0


@dr.command("show", examples=("tenantry dr show acme_web --tenant acme", "tenantry dr show web_service --text"))
@_PLAN
@_TENANT
@click.option("--text", is_flag=True, help="The file as it is: to copy a template.")
@json_option
def show(plan: str, tenant: str | None, text: bool) -> None:
    """The systems of PLAN in the order in which they would begin, and how long it takes at best."""
    from console.session import opened
    from tenantry.disaster.order import schedule

    with opened() as installation:
        loaded, _ = _loaded(installation, plan, tenant)
    if text:
        click.echo(loaded.text, nl=False)
        return
    counted = schedule(loaded.plan)
    if wants_json():
        echo_json(_shown(loaded, counted))
        return
    from console.render import table
    from tenantry.disaster.load import told

    table(
        ("system", "tier", "needs", "owner", "RTO", "at best", "RPO", "from", "to"),
        [
            (
                one.title,
                str(counted.tier[one.id]),
                ", ".join(one.needs),
                one.owner,
                told(one.rto),
                told(loaded.plan.declare_within + counted.finish[one.id]),
                told(one.rpo) if one.rpo else "",
                one.primary,
                one.recovery,
            )
            for one in map(loaded.plan.system, counted.order)
        ],
        title=f"{loaded.plan.title}: {told(loaded.plan.declare_within + counted.critical)} at best; declared by {', '.join(loaded.plan.declarers)}",
    )


@dr.command("backups", examples=("tenantry dr backups --tenant acme",))
@click.option("--tenant", required=True, metavar="T", shell_complete=complete.tenants, help="Whose backups.")
@json_option
def backups(tenant: str) -> int:
    """What the newest check found of the backups that the client's plans stand on. Exit code 1 when any of them is not good, or none was ever looked at.

    `tenantry run backup_check --tenant T` looks anew; with `recovery: {check_every_hours: 24}` in the client's file the service does.
    """
    from console.session import opened
    from flows.pinning import backup_checks

    with opened() as installation:
        found = next(backup_checks(installation, installation.tenants.get(tenant).name), None)
    rows = [row.model_dump(mode="json") for row in found[1]] if found is not None else []
    good = bool(rows) and all(row["state"] == "good" for row in rows)
    if wants_json():
        run = {"run_id": found[0].run_id, "at": rfc3339(found[0].created_at)} if found is not None else None
        echo_json({"tenant": tenant, "check": run, "backups": rows})
        return 0 if good else 1
    if found is None:
        click.echo(f"nobody has ever looked at the backups of {tenant}: `tenantry run backup_check --tenant {tenant}`")
        return 1
    from console.render import table

    table(
        ("backup", "stands", "newest", "locked until", "test restore", "what is wrong"),
        [
            (
                row["source"],
                row["state"],
                row["newest_at"] or "none",
                row["locked_until"] or "not shown",
                f"{row['restored'].replace('_', ' ')}{', ' + row['tested_on'] if row['tested_on'] else ''}",
                "; ".join(row["problems"]),
            )
            for row in rows
        ],
        title=f"As of {rfc3339(found[0].created_at)}, run {found[0].run_id}",
    )
    return 0 if good else 1


@dr.command("training", examples=("tenantry dr training --tenant acme --person ann.lee",))
@click.option("--tenant", required=True, metavar="T", shell_complete=complete.tenants, help="Whose plans.")
@click.option("--person", metavar="PERSON", help="This one alone.")
@json_option
def training(tenant: str, person: str | None) -> None:
    """Who took part in which drill or rehearsal, and what it was worth: evidence of training, from the record. Who only watched is not in it."""
    from console.session import opened
    from flows.pinning import rehearsals

    with opened() as installation:
        rows = rehearsals(installation, installation.tenants.get(tenant).name, person)
    if wants_json():
        echo_json(rows)
        return
    from console.render import table

    table(
        ("who", "plan", "when", "what", "answered for", "run"),
        [(one["person"], one["plan"], one["at"], one["kind"], ", ".join(one["did"]), one["run_id"]) for one in rows],
    )


def _loaded(installation: Installation, plan: str, tenant: str | None) -> tuple[LoadedPlan, str | None]:
    from flows.pinning import plan_of

    named = installation.tenants.get(tenant).name if tenant else None
    return plan_of(installation, plan, named), named


def _shown(loaded: LoadedPlan, counted: Schedule) -> Mapping[str, Any]:
    plan = loaded.plan
    return {
        "plan": plan.id,
        "version": plan.version,
        "title": plan.title,
        "tenant": plan.tenant,
        "declarers": list(plan.declarers),
        "declare_within_seconds": plan.declare_within.total_seconds(),
        "critical_path_seconds": counted.critical.total_seconds(),
        "order": list(counted.order),
        "systems": [
            {
                **one.model_dump(
                    mode="json", by_alias=True, include={"id", "title", "tier", "owner", "needs", "primary", "recovery"}
                ),
                "effective_tier": counted.tier[one.id],
                "rto_seconds": one.rto.total_seconds(),
                "rpo_seconds": one.rpo.total_seconds() if one.rpo else None,
                "at_best_seconds": (plan.declare_within + counted.finish[one.id]).total_seconds(),
            }
            for one in map(plan.system, counted.order)
        ],
        "findings": [finding.as_dict() for finding in loaded.findings],
    }


@command(
    "activate-dr",
    examples=(
        "tenantry activate-dr acme -p plan=acme_web --as ann.lee",
        "tenantry activate-dr acme -p plan=acme_web -p purpose=failback -p graceful=true --as ann.lee",
        "tenantry activate-dr acme -p plan=acme_web --mode drill",
    ),
)
@click.argument("tenant", metavar="T", shell_complete=complete.tenants)
@runs.params_option("disaster_activation")
@runs.MODE
@runs.AS
@runs.NO_WAIT
@json_option
def activate(tenant: str, given: tuple[str, ...], mode: str, person: str | None, no_wait: bool) -> int:
    """Carry out a disaster recovery plan of the client T: `tenantry run disaster_activation --tenant T`.

    The team is called and it is looked what is really down; then one of those whom the plan names declares, with `tenantry approve RUN declared`.
    """
    return runs.begin("disaster_activation", tenant, given, mode, person, no_wait=no_wait)
