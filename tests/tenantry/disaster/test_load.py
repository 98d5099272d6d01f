"""What is wrong with a plan is said with file and line: errors refuse it, findings make its promises empty."""

from __future__ import annotations

import json
from datetime import date

import pytest

from tenantry.disaster.load import parse_plan
from tenantry.errors import InvalidPlan
from tenantry.places import SHIPPED
from tests.support.disaster import TODAY, loaded, plan_text, registry, system


@pytest.fixture(scope="module")
def tasks():
    return registry()


def problems(text: str, tasks) -> list[str]:
    with pytest.raises(InvalidPlan) as refused:
        parse_plan(text, "plan.yaml", tasks, today=TODAY)
    return refused.value.detail["problems"]


def line_of(text: str, sought: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if sought in line)


def test_every_error_at_its_line(tasks) -> None:
    systems = {
        "a": {"needs": ["b"]},
        "b": {"needs": ["a"]},
        "c": {"needs": ["nobody"]},
        "d": {"procedure": [{"id": "x", "uses": "sim.wrok", "estimate": "1m"}]},
        "e": {"procedure": [{"id": "x", "uses": "sim.work", "estimate": "1m", "with": {"sistem": "e"}}]},
        "f": {"procedure": [{"id": "x", "uses": "sim.work", "estimate": "1m", "with": {"system": 7}}]},
    }
    text = plan_text(systems)
    said = problems(text, tasks)
    told = "\n".join(said)
    assert "these systems need each other: a → b → a" in told
    assert "there is no system 'nobody'" in told
    assert f"plan.yaml:{line_of(text, 'sim.wrok')}: " in told
    assert f"plan.yaml:{line_of(text, 'sistem')}: sim.work has no parameter 'sistem'; did you mean system?" in told
    assert "sim.work needs the parameter 'system'" in told
    assert f"plan.yaml:{line_of(text, ': 7')}: system: " in told


def test_a_missing_owner_is_refused_and_an_unknown_one_found(tasks) -> None:
    whole = json.loads(plan_text({"web": {}}))
    del whole["systems"][0]["owner"]
    assert "owner: is required" in problems(json.dumps(whole, indent=1), tasks)[0]
    found = loaded(plan_text({"web": {"owner": "ghost"}})).findings
    assert [one.rule for one in found] == ["owner"]


def test_an_rto_that_its_dependencies_make_impossible(tasks) -> None:
    slow = [{"id": "work", "uses": "sim.work", "with": {"system": "db"}, "estimate": "3h"}]
    text = plan_text({"db": {"procedure": slow}, "web": {"needs": ["db"], "rto": "1h"}})
    (found,) = loaded(text).findings
    assert (found.rule, found.system, found.line) == ("rto", "web", line_of(text, '"rto": "1h"'))
    assert "3h31m at best (30m until it is declared, then db 3h → web 1m)" in found.text


@pytest.mark.parametrize(
    ("backups", "rules"),
    [
        ([], {"rpo"}),
        ([{"source": "x", "every": "1d", "tested_on": "2026-11-01", "immutable": True}], {"rpo"}),
        ([{"source": "x", "every": "1h", "immutable": True}], {"backup"}),
        ([{"source": "x", "every": "1h", "tested_on": "2025-01-01", "immutable": True}], {"backup"}),
        ([{"source": "x", "every": "1h", "tested_on": "2026-11-01", "immutable": True}], set()),
        ([{"source": "x", "every": "1h", "tested_on": "2026-11-01"}], {"backup"}),
    ],
)
def test_backups_that_the_plan_stands_on(backups: list[dict[str, object]], rules: set[str]) -> None:
    assert {one.rule for one in loaded(plan_text({"db": {"rpo": "4h", "backups": backups}})).findings} == rules


def test_a_drill_that_is_too_long_ago_unless_the_record_has_a_newer_one() -> None:
    old = plan_text({"web": {}}, drill={"last_on": "2025-01-01"})
    assert [one.rule for one in loaded(old).findings] == ["drill"]
    assert loaded(old, drilled=date(2026, 11, 1)).findings == ()
    assert "never rehearsed" in loaded(plan_text({"web": {}}, drill={})).findings[0].text


def test_a_page_is_known_by_its_text_and_not_by_its_status(tasks) -> None:
    check = [{"kind": "http", "url": "https://acme.example/"}]
    said = problems(plan_text({"web": {"health": check}}), tasks)
    assert any("contains: is required" in one for one in said)


def test_shipped_plans_are_without_errors(tasks) -> None:
    for path in sorted((SHIPPED / "disaster" / "plans").glob("*.yaml")):
        parse_plan(path.read_text(), str(path), tasks, today=TODAY)


def test_the_neighbour_is_fine() -> None:
    assert loaded(plan_text({"web": {}})).findings == ()
    assert system("web")["id"] == "web"
