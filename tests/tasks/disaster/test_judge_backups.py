from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tasks.disaster.judge_backups import JudgeBackups
from tests.support.fakes import FakeTenant
from tests.tasks.disaster.test_measure import Record
from tests.tenantry.disaster.test_backups import GOOD, NOW, TESTED, backup, looked


async def judged(*steps: Any, mode: str = "run", backups: Any = None, refused: tuple[str, ...] = ()) -> Any:
    task = JudgeBackups()
    ctx = replace(FakeTenant(more={"recorded": Record(*steps)}).context(task, mode=mode), now=NOW)
    rows = [backup(**TESTED)] if backups is None else backups
    given = {"backups": [one.model_dump() for one in rows], "refused": list(refused)}
    return await task.read(ctx, task.Params.model_validate(given))


async def test_what_is_good_is_told_to_nobody() -> None:
    found = await judged(looked(), *GOOD)
    assert (found.impossible, found.alerts) == ([], [])
    assert found.lines == ["GOOD db (for web/db): restored and compared, or tested lately"]


async def test_an_impossible_plan_is_named_and_told() -> None:
    found = await judged(looked(None))
    assert found.impossible == ["web"]
    assert found.alerts[0].startswith("IMPOSSIBLE db (for web/db): there is no good recovery point")


async def test_a_plan_that_cannot_be_read_is_impossible_too() -> None:
    found = await judged(looked(), *GOOD, refused=("mail: mail.yaml:3: systems: is required",))
    assert found.impossible == ["mail"]
    assert "the plan cannot be carried out: mail: mail.yaml:3" in found.alerts[0]


async def test_where_no_plan_names_a_backup_nothing_is_known() -> None:
    assert "names a backup" in (await judged(backups=[])).alerts[0]


@pytest.mark.parametrize("mode", ["plan", "drill"])
async def test_a_rehearsal_says_nothing_of_the_clients_backups(mode: str) -> None:
    found = await judged(looked(None), mode=mode)
    assert (found.impossible, found.alerts) == ([], [])
    assert found.lines
