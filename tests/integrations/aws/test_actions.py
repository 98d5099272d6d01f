"""Tasks declare in IAM's words what the methods that they call ask for: no less, or a run stops half-way; and nothing that no method needs."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

from integrations.aws.actions import ACTIONS, every_action
from tenantry.discovery import TaskRegistry
from tenantry.task import BaseTask

ROOT = Path(__file__).resolve().parents[3]
REGISTRY = TaskRegistry.discover(entry_points=False)
AREAS = ("cloud.", "storage.", "backup.")
TASKS = [
    REGISTRY.get(name)
    for name in REGISTRY.names()
    if name.startswith(AREAS) and set(REGISTRY.get(name).needs) & set(ACTIONS)
]


def _called(module: Path) -> set[tuple[str, str]]:
    """(capability, method) pairs that a task's module mentions on a context's capability, and those of the guards that it uses."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr in ACTIONS:
            found.add((node.value.attr, node.attr))
        # `cloud = ctx.cloud_identity` and the like
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cloud":
            found.add(("cloud_identity", node.attr))
        # `machines(ctx)`, and what looks whether something was made again
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name)
        ):
            found |= {("cloud_machines", node.attr)} if node.value.func.id == "machines" else set()
        if isinstance(node, ast.ImportFrom) and any(a.name in ("due", "ready") for a in node.names):
            found.add(("cloud_machines", "made"))
        if isinstance(node, ast.ImportFrom) and any(a.name in ("principal_guards", "key_guards") for a in node.names):
            found |= {("cloud_identity", name) for name in ("principal", "caller", "administrators")}
    return {(capability, method) for capability, method in found if method in ACTIONS[capability]}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_declares_what_its_calls_ask_for(task: type[BaseTask[Any]]) -> None:
    called = _called(Path(inspect.getfile(task)))
    assert called, "it calls something"
    declared = {name for permission in task.permissions if permission.vendor == "aws" for name in permission.names}
    asked = {action for capability, method in called for action in ACTIONS[capability][method]}
    assert asked <= declared, f"{task.name} does not declare {sorted(asked - declared)}"
    assert declared <= every_action(), f"{task.name} declares what nothing needs: {sorted(declared - every_action())}"


def test_there_are_tasks() -> None:
    assert len(TASKS) >= 19
