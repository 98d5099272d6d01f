"""What needs root is declared once and printed as sudoers lines; tasks declare what their calls need."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys

import pytest

from integrations.linux.provider import PROVIDER
from integrations.linux.sudo import BACKUP_NEEDS, NEEDS, POSTURE_NEEDS, PROGRAMS, SERVICE_NEEDS, sudoers
from tenantry.capabilities import Host, HostBackup, HostService
from tenantry.discovery import TaskRegistry
from tests.support.tools import needs_program

METHODS = {name for name, _ in inspect.getmembers(Host, inspect.isfunction) if not name.startswith("_")}
BACKUP_METHODS = {name for name, _ in inspect.getmembers(HostBackup, inspect.isfunction) if not name.startswith("_")}
SERVICE_METHODS = {name for name, _ in inspect.getmembers(HostService, inspect.isfunction) if not name.startswith("_")}
REGISTRY = TaskRegistry.discover(entry_points=False)
TASKS = [
    REGISTRY.get(name)
    for name in REGISTRY.names()
    if {"host", "host_backup", "host_service"}.intersection(REGISTRY.get(name).needs)
]


def test_every_method_says_what_it_needs() -> None:
    assert NEEDS.keys() == METHODS
    assert BACKUP_NEEDS.keys() == BACKUP_METHODS
    assert SERVICE_NEEDS.keys() == SERVICE_METHODS
    every = [*NEEDS.values(), *BACKUP_NEEDS.values(), *SERVICE_NEEDS.values(), POSTURE_NEEDS]
    # chpasswd is for `credentials`: it exchanges the responder's own password.
    assert {program for programs in every for program in programs} | {"chpasswd"} == PROGRAMS.keys()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_declares_what_its_calls_need(task) -> None:
    source = inspect.getsource(sys.modules[task.__module__])
    called = set(re.findall(r"ctx\.host\.([a-z_]+)\(", source)) & METHODS
    wanted = {program for name in called for program in NEEDS[name]}
    kept = set(re.findall(r"(?:ctx\.host_backup|backups)\.([a-z_]+)\(", source)) & BACKUP_METHODS
    served = set(re.findall(r"services\(ctx\)\.([a-z_]+)\(", source)) & SERVICE_METHODS
    assert called or kept or served, "it calls something"
    wanted |= {program for name in kept for program in BACKUP_NEEDS[name]}
    wanted |= {program for name in served for program in SERVICE_NEEDS[name]}
    declared = {name for permission in task.permissions if permission.vendor == "linux" for name in permission.names}
    assert wanted - declared == set()
    assert declared <= PROGRAMS.keys()


def test_the_lines_are_sudoers(tmp_path) -> None:
    needs_program("visudo")
    path = tmp_path / "responder"
    path.write_text(sudoers("responder", PROGRAMS))
    assert shutil.which("visudo")
    assert PROVIDER.least_privilege(("nft", "sed"), {"account": "responder"}).text == sudoers(
        "responder", ["sed", "nft"]
    )
    done = subprocess.run(["visudo", "-c", "-f", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert sudoers("responder", []) == ""
