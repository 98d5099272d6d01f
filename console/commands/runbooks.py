"""The runbooks there are, checking one's own, and the schema for editors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console import complete
from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.runbook import Runbook


@group(
    "runbooks",
    examples=(
        "tenantry runbooks list",
        "tenantry runbooks show business_email_compromise",
        "tenantry runbooks validate my_runbook.yaml",
    ),
)
def runbooks() -> None:
    """What can be run. Files in TENANTRY_HOME/runbooks come before the shipped ones of the same id."""


@runbooks.command("list", examples=("tenantry runbooks list", "tenantry runbooks list --json"))
@json_option
def list_runbooks() -> None:
    """Every runbook; one whose file is broken is listed with what is wrong."""
    from console.session import opened

    with opened() as installation:
        catalog = installation.catalog
        rows = [_row(installation, runbook_id) for runbook_id in catalog.ids()]
        if wants_json():
            echo_json(rows)
            return
        from console.render import table

        table(
            ("id", "kind", "version", "title", "parameters"),
            (
                (
                    row["id"],
                    row["kind"] or "broken",
                    row["version"],
                    row["title"] or (row["problems"] or [""])[0],
                    ", ".join(p["name"] + ("" if p["required"] else "?") for p in row["params"]),
                )
                for row in rows
            ),
        )


def _row(installation: Installation, runbook_id: str) -> dict[str, Any]:
    from tenantry.errors import InvalidRunbook

    blank: dict[str, Any] = {
        "id": runbook_id,
        "kind": None,
        "version": None,
        "title": None,
        "params": [],
        "problems": [],
    }
    try:
        runbook = installation.catalog.get(runbook_id)
    except InvalidRunbook as error:
        return blank | {"problems": error.detail.get("problems") or [error.message]}
    return blank | {
        "kind": runbook.kind,
        "version": runbook.version,
        "title": runbook.title,
        "params": _params(runbook),
        "digest": runbook.digest,
    }


def _params(runbook: Runbook) -> list[dict[str, Any]]:
    return [{"name": name} | param.model_dump(mode="json", exclude_none=True) for name, param in runbook.params.items()]


@runbooks.command("show", examples=("tenantry runbooks show business_email_compromise --json",))
@click.argument("runbook_id", metavar="ID", shell_complete=complete.runbooks)
@json_option
def show(runbook_id: str) -> None:
    """One runbook: its parameters, its steps in order with what they use and who must approve."""
    from console.session import opened

    with opened() as installation:
        runbook = installation.catalog.get(runbook_id)
        path = installation.catalog.path(runbook_id)
        steps = [_step(installation, runbook, step) for step in runbook.order()]
        if wants_json():
            echo_json(
                _row(installation, runbook_id)
                | {
                    "description": runbook.description,
                    "phases": list(runbook.phases),
                    "attack": list(runbook.attack),
                    "file": str(path),
                    "steps": steps,
                }
            )
            return
        from console.render import fields, table

        fields(
            [
                ("id", runbook.id),
                ("title", runbook.title),
                ("kind", runbook.kind),
                ("version", runbook.version),
                ("file", path),
                ("ATT&CK", ", ".join(runbook.attack)),
                ("about", runbook.description),
            ]
        )
        table(
            ("parameter", "type", "required", "default", "what"),
            (
                (
                    p["name"],
                    p["type"],
                    "yes" if p["required"] else "",
                    p.get("default"),
                    p.get("title") or p["description"],
                )
                for p in _params(runbook)
            ),
            title="Parameters",
        )
        table(
            ("phase", "step", "uses", "impact", "approval", "needs"),
            ((s["phase"], s["id"], s["uses"], s["impact"], s["approval"], ", ".join(s["needs"])) for s in steps),
            title="Steps",
        )


def _step(installation: Installation, runbook: Runbook, step: Any) -> dict[str, Any]:
    task = installation.registry.get(step.uses)
    approval = f"{step.approve.role}{', four eyes' if step.approve.four_eyes else ''}" if step.approve else ""
    return {
        "id": step.id,
        "title": step.title,
        "phase": step.phase,
        "uses": step.uses,
        "impact": task.impact.value,
        "approval": approval,
        "needs": list(runbook.upstream(step.id)),
        "for_each": step.for_each,
        "when": step.when,
        "expect_at_most": step.expect_at_most,
        "on_failure": step.on_failure,
    }


@runbooks.command("validate", examples=("tenantry runbooks validate runbooks/my_runbook.yaml",))
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@json_option
def validate(path: Path) -> None:
    """Check the runbook in the file PATH, or every one in that folder; names file and line of each problem."""
    from console.session import opened
    from tenantry.discovery import RunbookCatalog
    from tenantry.errors import InvalidRunbook
    from tenantry.runbook import Templates, load_runbook

    with opened() as installation:
        if path.is_dir():
            own = RunbookCatalog((path,), installation.registry)
            files = [own.path(runbook_id) for runbook_id in own.ids()]
        else:
            files = [path]
        if not files:
            raise InvalidRunbook("there is no runbook here", place=str(path))
        folders = [path if path.is_dir() else path.parent, *installation.catalog.folders]
        # A message's template may lie beside the file, one folder up (runbooks/incidents/…), or be a shipped one.
        templates = Templates(place / "messages" for folder in folders for place in (folder, folder.parent))
        problems: list[str] = []
        loaded = []
        for file in files:
            try:
                loaded.append(load_runbook(file, installation.registry, templates))
            except InvalidRunbook as error:
                problems += error.detail.get("problems") or [error.message]
    if problems:
        raise InvalidRunbook("\n".join(problems), problems=problems)
    if wants_json():
        echo_json({"ok": True, "runbooks": [{"id": runbook.id, "digest": runbook.digest} for runbook in loaded]})
    else:
        for runbook in loaded:
            click.echo(f"{runbook.id}: valid ({len(runbook.steps)} steps)")


@runbooks.command("schema", examples=("tenantry runbooks schema > runbook.schema.json",))
@json_option
def schema() -> None:
    """The JSON Schema of runbooks, for editors: completion and checks while you type."""
    from console.session import opened
    from tenantry.runbook import runbook_json_schema

    with opened() as installation:
        echo_json(runbook_json_schema(installation.registry))


@runbooks.command(
    "export",
    examples=(
        "tenantry runbooks export business_email_compromise > playbook.json",
        "tenantry runbooks export business_email_compromise -o playbook.json",
    ),
)
@click.argument("runbook_id", metavar="ID", shell_complete=complete.runbooks)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Where to write; stdout when left out."
)
@json_option
def export(runbook_id: str, output: Path | None) -> None:
    """The runbook as a CACAO 2.0 playbook (JSON), for other tools. What CACAO cannot express is said on stderr, and in it."""
    import json
    from datetime import UTC, datetime

    from console.output import written
    from console.session import opened
    from tenantry.runbook import cacao_playbook

    with opened() as installation:
        runbook = installation.catalog.get(runbook_id)
        changed = datetime.fromtimestamp(installation.catalog.path(runbook_id).stat().st_mtime, UTC)
        playbook = cacao_playbook(runbook, installation.registry, modified=changed)
    for line in playbook.not_expressed:
        click.echo(f"tenantry: not expressed in CACAO: {line}", err=True)
    if output is None:
        echo_json(playbook.content)
        return
    with written(output) as out:
        out.write(json.dumps(playbook.content, ensure_ascii=False, indent=2).encode() + b"\n")
    if wants_json():
        echo_json({"file": str(output.absolute()), "not_expressed": list(playbook.not_expressed)})
    else:
        click.echo(f"{output}: {len(playbook.content['workflow'])} workflow steps")
