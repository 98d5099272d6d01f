"""A check of backups is a runbook that is made of a client's plans: each backup once, by the strictest of what is said of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml

from tenantry.disaster.checking import checking
from tenantry.disaster.load import KnownBackup
from tenantry.places import SHIPPED
from tenantry.runbook import parse_runbook
from tests.support.disaster import TODAY, loaded, plan_text, registry

BASE = (SHIPPED / "disaster" / "backup_check.yaml").read_text()
TESTED = {"tested_on": "2026-11-01"}


@pytest.fixture(scope="module")
def tasks():
    return registry()


def made(tasks: Any, *plans: str, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"today": TODAY, "restore": "due", "known": {}, "refused": {}}
    text = checking([loaded(one) for one in plans], BASE, **{**given, **more})
    parse_runbook(text, "check", registry=tasks)
    return yaml.safe_load(text)


def ids(data: dict[str, Any]) -> list[str]:
    return [step["id"] for step in data["steps"]]


def plan(name: str, **backup: Any) -> str:
    return plan_text({"db": {"rpo": "4h", "backups": [{"source": "vol", "every": "1d", **backup}]}}, id=name)


def test_a_backup_is_looked_at_once_however_many_stand_on_it(tasks) -> None:
    data = made(tasks, plan("one", every="2h", tested_on="2026-10-01"), plan("two", immutable=True, **TESTED))
    assert ids(data) == ["b1__newest", "judged", "alert"]
    (row,) = data["steps"][1]["with"]["backups"]
    assert [one["plan"] for one in row["systems"]] == ["one", "two"]
    assert (row["every_seconds"], row["immutable"], row["tested_on"]) == (7_200, True, "2026-11-01")
    assert data["phases"] == ["look", "judge"]


@pytest.mark.parametrize(
    ("restore", "backup", "known", "tests"),
    [
        ("due", {}, {}, True),
        ("due", TESTED, {}, False),
        ("due", {"tested_on": "2026-01-01"}, {}, True),
        ("due", {}, {"vol": KnownBackup(date(2026, 11, 2))}, False),
        ("due", {}, {"vol": KnownBackup(date(2025, 11, 2))}, True),
        ("always", TESTED, {}, True),
        ("never", {}, {}, False),
    ],
)
def test_a_test_restore_where_one_is_due(tasks, restore: Any, backup: Any, known: Any, tests: bool) -> None:
    data = made(tasks, plan("one", **backup), restore=restore, known=known)
    assert ("b1__restore" in ids(data)) is tests
    if tests:
        steps = {step["id"]: step for step in data["steps"]}
        assert steps["b1__discard"]["needs"] == ["b1__compare"], "thrown away when it was looked at"
        assert all(step["on_failure"] == "continue" for name, step in steps.items() if name.startswith("b1"))


def test_hosts_are_asked_as_hosts(tasks) -> None:
    data = made(tasks, plan("one", source="web1", through="host_backup"))
    uses = [step["uses"] for step in data["steps"][:-2]]
    assert uses == ["host.read_newest_point", "host.stage_restore", "host.discard_staged"]


def test_a_workspace_is_asked_and_restored_by_people_alone(tasks) -> None:
    data = made(tasks, plan("one", source="mailbox/dana@acme.example", through="workspace_backup"), restore="always")
    assert [step["uses"] for step in data["steps"][:-2]] == ["workspace.read_newest_point"]
    assert data["steps"][-2]["with"]["backups"][0]["through"] == "workspace_backup"


def test_names_are_never_expressions(tasks) -> None:
    data = made(tasks, plan("one", source="${run.id}", **TESTED), refused={"two": "two.yaml:3: ${x}"})
    assert data["steps"][0]["with"]["source"] == "$${run.id}"
    assert data["steps"][1]["with"]["refused"] == ["two: two.yaml:3: $${x}"]


def test_no_plan_at_all_is_still_judged(tasks) -> None:
    assert ids(made(tasks)) == ["judged", "alert"]
