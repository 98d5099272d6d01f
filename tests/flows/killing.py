"""The harness's kills for runs of the service: an operator's package that every process of the service imports, and that does nothing until a test says so.

A process that carries the run (it appends the run's ``run.attempt``) takes the first kill that is left; when its moment has come it strikes it off
the list, and SIGKILL ends it. Whoever carries the run on takes the next one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tenantry.broker.client import BrokeredVault
from tenantry.journal import Journal
from tenantry.journal.entry import Draft
from tests.support.kills import (
    Kill,
    Killer,
    arm_cloud_pages,
    arm_hosts,
    arm_requests,
    counted_put,
    die,
    kill_at_append,
)

_FILE: Final = "kills.json"
_TASK = '''
"""Loads the harness; the task is there because an entry point has to offer one."""
import sys
from pathlib import Path
from pydantic import BaseModel, ConfigDict
from tenantry.task import Context, Output, ReadTask

sys.path.append({root!r})
from tests.flows.killing import wait_for_the_run

wait_for_the_run(Path(__file__).parent)


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(ReadTask[Params, Output]):
    """Nothing."""

    name = "killing.nothing"
    needs = ()
    Params = Params
    Output = Output

    async def read(self, ctx: Context, p: Params) -> Output:
        return Output()
'''


class Kills:
    """What is to befall one run, for the test: the first that is left comes first."""

    def __init__(self, packages: Path) -> None:
        self._file = packages / _FILE

    def set(self, run: str, kills: Sequence[Kill]) -> None:
        _write(self._file, {"run": run, "left": [asdict(kill) for kill in kills], "died": []})

    @property
    def left(self) -> list[Kill]:
        return [Kill(**kill) for kill in json.loads(self._file.read_text(encoding="utf-8"))["left"]]

    @property
    def died(self) -> list[int]:
        """Processes that SIGKILL ended, in order."""
        return list(json.loads(self._file.read_text(encoding="utf-8"))["died"])

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)


def install(folder: Path) -> Path:
    """Put the package into a folder, as pip would. Returns it."""
    root = str(Path(__file__).resolve().parents[2])
    (folder / "killing_task.py").write_text(_TASK.format(root=root), encoding="utf-8")
    about = folder / "killing_task-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: killing-task\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[tenantry.tasks]\nkilling = killing_task:Nothing\n", encoding="utf-8")
    return folder


def wait_for_the_run(folder: Path) -> None:
    """In a process of the service: have it killed as soon as it carries the run that a test named."""
    append, file = Journal.append, folder / _FILE

    def looking(self: Journal, tenant: str, events: Any, **more: Any) -> Any:
        plain = [one.event if isinstance(one, Draft) else one for one in events]
        begun = {one.run_id for one in plain if one.event == "run.attempt"}
        appended = append(self, tenant, events, **more)
        if begun and file.exists():
            told = json.loads(file.read_text(encoding="utf-8"))
            if told["run"] in begun and told["left"]:
                Journal.append = append  # type: ignore[method-assign]
                _arm(self, Kill(**told["left"][0]))
                die.last_act = lambda: _write(
                    file, {**told, "left": told["left"][1:], "died": [*told["died"], os.getpid()]}
                )
        return appended

    Journal.append = looking  # type: ignore[method-assign]  # inherited by every child that is forked from here


def _arm(journal: Journal, kill: Kill) -> None:
    if kill.where.startswith("append"):
        kill_at_append(journal, kill)
        return
    killer = Killer(kill)
    arm_requests(killer, kill.what)
    arm_hosts(killer, kill.what)
    arm_cloud_pages(killer, kill.what)
    BrokeredVault.put = counted_put(BrokeredVault.put, killer, kill.what, name_at=2)  # type: ignore[method-assign]


def _write(file: Path, what: Any) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(what), encoding="utf-8")
    new.rename(file)
