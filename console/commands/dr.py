"""Disaster recovery plans: list them, see what one says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import command, echo_json, group, json_option, wants_json
from console.commands import run as runs

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
