"""A rehearsal is the same plan on scratch targets: it cannot reach what it rehearses for, and says what it does not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tenantry.capabilities.probing import ProbeAnswer
from tenantry.disaster.compile import compiled
from tenantry.disaster.rehearse import rehearsed
from tenantry.errors import Refused
from tenantry.places import SHIPPED
from tenantry.run import Status
from tests.support.disaster import BASE, Simulated, loaded, long_ago, plan_text, registry
from tests.support.stand import Stand


@pytest.fixture(scope="module")
def tasks():
    return registry()


def work(system: str, **more: Any) -> dict[str, Any]:
    return {"id": "work", "uses": "sim.work", "with": {"system": system}, "estimate": "1m", "rehearse": True, **more}


def plan(**more: Any) -> str:
    clean = {"id": "clean", "uses": "sim.work", "with": {"system": "tidied"}, "estimate": "1m"}
    systems = {
        "db": {"procedure": [work("db")], "recovery": "db", "clean_up": [clean], "rpo": "1h", "data": [ROWS]},
        "web": {"needs": ["db"], "procedure": [work("web", rehearse=False), {**work("web"), "id": "more"}]},
        "mail": {"procedure": [work("mail")]},
    }
    scratch = {"db": "db.scratch", "web": "web.scratch"}
    return plan_text(systems, **{"drill": {"scratch": scratch}, **more})


ROWS = {
    **{"kind": "newest_row", "host": "db", "database": "shop", "at_least": 1},
    "newest": "SELECT max(at) FROM orders",
    "count": "SELECT count(*) FROM orders",
}


def test_scratch_targets_stand_in_the_place_of_the_real_ones() -> None:
    made, gaps = rehearsed(loaded(plan()))
    systems = {one.id: one for one in made.plan.systems}
    assert sorted(systems) == ["db", "web"]
    assert systems["db"].procedure[0].with_ == {"system": "db.scratch"}
    assert systems["db"].health[0].host == systems["db"].primary_health[0].host == "db.scratch"
    assert [step.id for step in systems["web"].procedure] == ["more"]
    assert gaps == (
        "WEB: sim.work (work): it is not marked with `rehearse`",
        "MAIL: tcp mail:1 has no scratch target and is not asked",
        "MAIL: none of its health checks has a scratch target",
    )


def test_what_still_names_a_site_of_the_plan_is_refused() -> None:
    wrong = work("db", **{"with": {"system": "there"}})
    text = plan_text({"db": {"procedure": [wrong]}}, drill={"scratch": {"db": "db.scratch"}})
    with pytest.raises(Refused) as refused:
        rehearsed(loaded(text))
    assert "would reach 'there'" in refused.value.message


DATABASE = "arn:aws:rds:eu-central-1:111122223333:db:"


@pytest.mark.parametrize(
    "value",
    [
        "https://www.shop.example/admin?stop",
        "postgres://app@DB.old:5432/shop",
        f"--source={DATABASE}ledger",
        "rds:eu-central-1:continuous:ledger",
        "curl -fsS http://db.old:9/",
        "https%3A%2F%2Fwww.shop.example%2F",
        "there/volume-1",
    ],
)
def test_a_real_name_inside_of_a_longer_value_is_refused(value: str) -> None:
    page = {"kind": "http", "url": "https://www.shop.example/", "contains": "Add to basket"}
    mine = {"db": "db.scratch", f"{DATABASE}ledger": f"{DATABASE}ledger-scratch"}
    systems = {"db": {"procedure": [work("db", **{"with": {"system": value}})]}, "shop": {"health": [page]}}
    with pytest.raises(Refused, match="would reach"):
        rehearsed(loaded(plan_text(systems, drill={"scratch": mine})))
    # What may stay as it is is said, and so is what stands in its place.
    for given in (value, f"{DATABASE}ledger-scratch"):
        made, _ = rehearsed(loaded(plan_text(systems, drill={"scratch": mine | {value: given}})))
        assert made.plan.systems[0].procedure[0].with_ == {"system": given}


def test_a_check_on_a_scratch_host_asks_nothing_real() -> None:
    inner = {"kind": "command", "host": "db", "argv": ["curl", "-fsS", "http://web.old:1/"]}
    systems = {"db": {"procedure": [work("db")], "health": [inner]}, "web": {}}
    with pytest.raises(Refused, match=r"would reach 'web\.old': db, command curl on db\.scratch"):
        rehearsed(loaded(plan_text(systems, drill={"scratch": {"db": "db.scratch"}})))


def test_what_only_reads_may_name_the_source_of_a_backup() -> None:
    source = {"source": f"{DATABASE}ledger", "before": "${run.started_at}"}
    find = {"id": "find", "uses": "backup.find_point", "with": source, "estimate": "1m"}
    systems = {"db": {"procedure": [find, work("db")], "primary": f"{DATABASE}ledger-1", "recovery": "ledger"}}
    made, _ = rehearsed(loaded(plan_text(systems, drill={"scratch": {"db": "db.scratch"}})))
    assert [step.id for step in made.plan.systems[0].procedure] == ["find", "work"]


@pytest.mark.parametrize(("name", "left"), [("web_service", "The shop's pages"), ("msp_continuity", "Pages, worker")])
def test_the_shipped_plans_can_be_rehearsed_as_they_say(name: str, left: str) -> None:
    text = (SHIPPED / "disaster" / "plans" / f"{name}.yaml").read_text() + "\ntenant: acme\n"
    made, gaps = rehearsed(loaded(text))
    (system,) = made.plan.systems
    assert [step.id for step in system.procedure] == [step.id for step in loaded(text).plan.systems[0].procedure]
    assert gaps
    assert all(gap.startswith(left) for gap in gaps)


def test_without_scratch_targets_there_is_no_rehearsal() -> None:
    with pytest.raises(Refused):
        rehearsed(loaded(plan_text({"db": {}})))
    with pytest.raises(Refused):
        compiled(loaded(plan()), BASE, purpose="rehearsal", graceful=True)


async def test_rehearsed_scored_and_cleaned_up_while_nothing_real_is_touched(tmp_path: Path, tasks) -> None:
    stand = Stand(tmp_path / "home", tasks)
    stand.person("ann", "approver", "engineer")
    stand.person("bob", "engineer")
    sim = Simulated(stand, loaded(plan()))
    sim.world.instant = True
    sim.world.rows["db.scratch"] = ProbeAnswer(count=3, newest=long_ago(30))
    sim.create(purpose="rehearsal")
    await sim.go()
    stand.answer("run-1", "ann", steps=["declared"], reason="the quarter's rehearsal")
    await sim.go()
    assert sim.world.begun == ["db.scratch", "web.scratch", "tidied"], "nothing real, and cleaned up at the end"
    for who, step in (("ann", "service_back"), ("bob", "lessons")):
        stand.answer("run-1", who, steps=[step], reason="the mail server needs a scratch target")
        state = await sim.go()
    assert state.ended is Status.COMPLETED, stand.view()["steps"]
    templates = {str(key) for key in sim.messenger.sent_keys}
    assert len(templates) == 1, "the team alone is called: the client hears of no disaster"
    assert "nothing has happened" in next(iter(sim.messenger.sent_keys.values())).text
    report = next(one for one in stand.view()["steps"] if one["id"] == "report")
    assert report["output"]["badges"][0] == "rehearsal"
    names = {one["name"] for one in state.evidence}
    assert "training-record.json" in names
    stand.close()


async def test_a_scratch_target_that_worked_before_proves_nothing(tmp_path: Path, tasks) -> None:
    stand = Stand(tmp_path / "home", tasks)
    stand.person("ann", "approver", "engineer")
    sim = Simulated(stand, loaded(plan()))
    sim.world.let("db.scratch")
    sim.create(purpose="rehearsal")
    await sim.go()
    assert stand.state().items["assess", None].output["up"] == ["db"]
    stand.close()
