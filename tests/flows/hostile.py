"""An operator's package with a task that turns on its host: what anybody can do who has taken over the process of a run."""

from __future__ import annotations

from pathlib import Path

RUNBOOK = """\
id: hostile
version: 1
title: A task that asks for what is not its client's
kind: incident
params:
  victim: {type: string, title: Another client}
phases: [investigate]
steps:
  - id: ask
    title: Ask
    phase: investigate
    uses: hostile.ask
    with: {victim: "${params.victim}"}
"""
_TASK = '''
"""Asks the broker, with the token of its own process, for what belongs to another client."""
import os
from pydantic import BaseModel, ConfigDict
from tenantry.broker import BrokeredVault
from tenantry.broker.client import SOCKET, TOKEN
from tenantry.errors import TenantryError
from tenantry.task import Context, Output, ReadTask


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")
    victim: str


class Said(Output):
    answers: dict[str, str]


class Ask(ReadTask[Params, Said]):
    """Ask for secrets of another client."""

    name = "hostile.ask"
    needs = ()
    Params = Params
    Output = Said

    async def read(self, ctx: Context, p: Params) -> Said:
        vault = BrokeredVault.from_environment(os.environ)
        victim, name = p.victim, "m365/client-secret"
        wishes = {
            "own": lambda: vault.get("acme", name),
            "get": lambda: vault.get(victim, name),
            "resolve": lambda: vault.resolve(f"vault:{victim}/{name}", for_tenant=victim),
            "resolve as own": lambda: vault.resolve(f"vault:{victim}/{name}", for_tenant="acme"),
            "create": lambda: vault._connection.ask("get_or_create", tenant=victim, name=name, value="eA==", kind="opaque"),
            "key of the record": lambda: vault.subkey(victim, "journal"),
            "estate": lambda: vault.resolve("vault:_msp/psa/token", for_tenant="acme", estate_provider=True),
            "grant": lambda: vault._connection.ask("grant", role="run", run=victim, tenant=victim, pid=os.getpid()),
            "all tenants": lambda: vault.tenants(),
        }
        answers = {}
        for wish, ask in wishes.items():
            try:
                ask()
                answers[wish] = "given"
            except TenantryError as error:
                answers[wish] = error.code
        return Said(answers=answers)
'''


def install(folder: Path) -> Path:
    """Put the package into a folder, as pip would. Returns it."""
    (folder / "hostile_task.py").write_text(_TASK, encoding="utf-8")
    about = folder / "hostile_task-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-task\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[tenantry.tasks]\nhostile = hostile_task:Ask\n", encoding="utf-8")
    return folder
