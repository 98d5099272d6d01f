"""The tasks that steps of runbooks may use, described from their own source."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from console.cli import echo_json, group, json_option, wants_json

if TYPE_CHECKING:
    from tenantry.discovery import TaskType


@group("tasks", examples=("tenantry tasks list", "tenantry tasks show identity.disable_sign_in"))
def tasks() -> None:
    """What runbooks are made of."""


@tasks.command("list", examples=("tenantry tasks list", "tenantry tasks list --json"))
@json_option
def list_tasks() -> None:
    """Every task: its impact, the capabilities it needs, what it does."""
    from console.session import opened

    with opened() as installation:
        rows = [_row(task) for task in installation.registry]
    if wants_json():
        echo_json(rows)
        return
    from console.render import table

    table(
        ("task", "impact", "needs", "what"),
        ((row["name"], row["impact"], ", ".join(row["needs"]), row["summary"]) for row in rows),
    )


@tasks.command("show", examples=("tenantry tasks show identity.disable_sign_in --json",))
@click.argument("name", metavar="NAME")
@json_option
def show(name: str) -> None:
    """One task: its parameters, the permissions it needs, whether it can be undone."""
    from console.session import opened

    with opened() as installation:
        task = installation.registry.get(name)
    row = _row(task) | {
        "description": inspect.cleandoc(task.__doc__ or ""),
        "params": task.Params.model_json_schema(),
        "output": output.model_json_schema() if (output := getattr(task, "Output", None)) else None,
    }
    if wants_json():
        echo_json(row)
        return
    from console.render import console, fields, table

    fields(
        [
            ("task", row["name"]),
            ("kind", row["kind"]),
            ("impact", row["impact"]),
            ("needs", ", ".join(row["needs"])),
            ("undo", row["undo"]),
            ("timeout", f"{row['timeout_seconds']:g} s"),
            *((f"permissions, {p['vendor']}", ", ".join(p["names"])) for p in row["permissions"]),
        ]
    )
    console().print(f"\n{row['description']}\n")
    required = set(row["params"].get("required", ()))
    table(
        ("parameter", "type", "required", "what"),
        (
            (key, _type(schema), "yes" if key in required else "", schema.get("description"))
            for key, schema in row["params"].get("properties", {}).items()
        ),
        title="Parameters",
    )


def _row(task: TaskType) -> dict[str, Any]:
    from tenantry.task import HumanTask, Task

    undo = None
    kind = "question" if issubclass(task, HumanTask) else "read"
    if issubclass(task, Task):
        kind = "effect"
        undo = f"none: {task.no_undo}" if task.no_undo else "yes"
        if task.removes_foothold:
            undo += "; alone and with an approval, because it took something from an attacker"
    return {
        "name": task.name,
        "kind": kind,
        "impact": task.impact.value,
        "needs": list(task.needs),
        "summary": task.summary(),
        "undo": undo,
        "timeout_seconds": task.timeout,
        "permissions": [permission.model_dump(mode="json") for permission in task.permissions],
    }


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    kind = str(schema.get("type", "any"))
    return f"{kind} of {_type(schema['items'])}" if kind == "array" and schema.get("items") else kind
