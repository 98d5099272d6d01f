"""An activation keeps what the plan promises: every dependency, nothing independent waits, a failure holds up only what needs it, and
a run that was ended anywhere goes on as if it had not been."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tenantry.capabilities.probing import ProbeAnswer
from tenantry.clock import parse_rfc3339
from tenantry.disaster.compile import compiled
from tenantry.disaster.order import schedule
from tenantry.errors import OutOfScope, Refused
from tenantry.run import Status
from tenantry.runbook import parse_runbook
from tests.support.disaster import BASE, Simulated, loaded, long_ago, plan_text, random_systems, registry, until
from tests.support.stand import Stand


@pytest.fixture(scope="module")
def tasks():
    return registry()


def simulated(tmp_path: Path, tasks, systems, **more) -> Simulated:
    stand = Stand(tmp_path / "home", tasks)
    stand.person("ann", "approver", "engineer")
    stand.person("bob", "engineer")
    return Simulated(stand, loaded(plan_text(systems, **more)))


async def declared(sim: Simulated) -> None:
    await sim.go()
    sim.stand.answer("run-1", "ann", steps=["declared"])


async def conduct(sim: Simulated, dice: random.Random, broken: set[str], until_finished: int | None = None) -> None:
    """Finish one system's work after another, each time only once everything that can be under way is."""
    needs, world = sim.needs(), sim.world
    dead = broken | sim.below(broken)
    while True:
        back = set(world.finished)
        expected = {name for name in needs if name not in dead and needs[name] <= back} - back
        await until(lambda expected=expected: expected <= set(world.begun))  # nothing independent waits
        running = set(world.begun) - back
        assert running == expected, "and nothing begins before what it needs works"
        if not running or (until_finished is not None and len(back) >= until_finished):
            return
        world.let(dice.choice(sorted(running)))


async def ended(running: asyncio.Task) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def recorded(sim: Simulated) -> set[str]:
    """Systems whose procedure stands in the record as done."""
    items = sim.stand.state().items.values()
    return {item.step.removesuffix("__work") for item in items if item.step.endswith("__work") and item.done}


@pytest.mark.parametrize(("count", "seed"), [(60, 1), (14, 2), (14, 3)])
async def test_order_isolation_and_resume_with_random_dependencies(
    tmp_path: Path, tasks, count: int, seed: int
) -> None:
    dice = random.Random(seed)
    sim = simulated(tmp_path, tasks, random_systems(count, seed))
    leaves = [name for name in sim.needs() if sim.below({name})]
    broken = set(dice.sample(leaves, 2))
    sim.world.broken = set(broken)
    sim.create()
    await declared(sim)
    # Ended in the middle, and taken up again: the same is under way, nothing was begun twice.
    running = asyncio.create_task(sim.go())
    await conduct(sim, dice, broken, until_finished=count // 4)
    await until(lambda: recorded(sim))
    await ended(running)
    over = recorded(sim)
    waited = sim.stand.state().stopped is Status.WAITING  # there was nothing left to do but to ask when its end came
    before = list(sim.world.asked)
    running = asyncio.create_task(sim.go())
    await conduct(sim, dice, broken)
    state = await running
    assert state.stopped is Status.WAITING
    assert not over & set(sim.world.asked[len(before) :]), "what was done is not asked for again"
    assert len(state.interruptions) == (0 if waited else 1)
    outcomes = sim.stand.outcomes()
    below = sim.below(broken)
    # Exactly what stands on a system that failed waits; a broken one may itself stand on the other.
    tried = broken - below
    assert {name for name in sim.needs() if outcomes[f"{name}__health"] is None} == tried | below
    assert tried == {name for name in broken if outcomes[f"{name}__work"] == "failed"}
    asked = {gate["step"] for gate in sim.stand.view()["waiting_for"]}
    assert asked == {f"{name}__work" for name in tried}
    # Repaired and tried again, the rest comes back in order.
    sim.world.broken = set()
    sim.stand.answer("run-1", "ann")
    running = asyncio.create_task(sim.go())
    await conduct(sim, dice, set())
    state = await running
    assert sorted(sim.world.begun) == sorted(sim.needs())
    measured = state.items["recovered", None].output
    rows = {one["id"]: one for one in measured["systems"]}
    assert set(measured["recovered"]) == set(sim.needs())
    shown = {one["id"]: one for one in sim.stand.view()["steps"]}
    for name, needed in sim.needs().items():
        mine = rows[name]
        assert mine["healthy_at"] == shown[f"{name}__health"]["finished_at"]
        assert (
            mine["outage_began"] <= mine["detected_at"] <= mine["declared_at"] <= mine["began_at"] <= mine["healthy_at"]
        )
        away = parse_rfc3339(mine["healthy_at"]) - parse_rfc3339(mine["outage_began"])
        assert mine["achieved_seconds"] == pytest.approx(away.total_seconds(), abs=1e-3)
        assert all(rows[other]["healthy_at"] <= mine["began_at"] for other in needed)
        assert mine["rto_kept"] is True
    sim.stand.close()


def test_tier_and_dependency_combine_as_promised(tasks) -> None:
    plan = loaded(
        plan_text(
            {
                "mail": {"tier": 3},
                "wiki": {"tier": 2},
                "shop": {"tier": 0, "needs": ["db"]},
                "db": {"tier": 5, "needs": ["net"]},
                "net": {"tier": 9},
            }
        )
    ).plan
    counted = schedule(plan)
    assert counted.order == ("net", "db", "shop", "wiki", "mail")
    assert counted.tier == {"net": 0, "db": 0, "shop": 0, "wiki": 2, "mail": 3}
    assert counted.critical.total_seconds() == 180
    assert counted.way["shop"] == ("net", "db", "shop")
    # The tier is no barrier: `mail` needs nothing, so its first step needs the declaration alone.
    book = parse_runbook(
        compiled(
            loaded(plan_text({"shop": {"tier": 0}, "mail": {"tier": 3}})), BASE, purpose="failover", graceful=False
        ),
        "x",
        tasks,
    )
    assert book.upstream("mail__work") == ("declared",)


def test_graceful_drains_what_stands_on_top_first_and_ungraceful_drains_nothing(tasks) -> None:
    stop = [{"id": "stop", "uses": "sim.work", "with": {"system": "x"}, "estimate": "1m"}]
    systems = {"db": {"quiesce": stop}, "cache": {"needs": ["db"]}, "web": {"needs": ["cache"], "quiesce": stop}}
    plan = loaded(plan_text(systems))
    book = parse_runbook(compiled(plan, BASE, purpose="failover", graceful=True), "x", tasks)
    assert set(book.upstream("db__drain_stop")) == {"declared", "web__drain_stop"}
    assert "db__drain_stop" in book.upstream("db__work")
    dead = parse_runbook(compiled(plan, BASE, purpose="failover", graceful=False), "x", tasks)
    assert not [step.id for step in dead.steps if "drain" in step.id]


def test_failback_is_an_activation_of_its_own(tasks) -> None:
    plan = loaded(plan_text({"web": {}}))
    book = parse_runbook(compiled(plan, BASE, purpose="failback", graceful=False), "x", tasks)
    assert book.step("web__back").with_ == {"system": "web.back"}
    assert book.step("web__health").with_["probes"][0]["host"] == "web.old"
    with pytest.raises(Refused, match="go back"):
        compiled(loaded(plan_text({"web": {"failback": []}})), BASE, purpose="failback", graceful=False)
    with pytest.raises(Refused, match="template"):
        compiled(loaded(plan_text({"web": {}}, tenant=None)), BASE, purpose="failover", graceful=False)


async def test_nobody_else_declares_and_nothing_begins_before(tmp_path: Path, tasks) -> None:
    sim = simulated(tmp_path, tasks, {"web": {}})
    sim.create()
    await sim.go()
    with pytest.raises(OutOfScope, match="bob may not answer"):
        sim.stand.answer("run-1", "bob")
    state = await sim.go()
    assert state.stopped is Status.WAITING
    assert sim.world.begun == []
    refused = [record for record in sim.stand.journal.records("run-1") if record.event == "approval.refused"]
    assert [record.data["person"] for record in refused] == ["bob"]
    # "No" begins nothing, and it can be declared later.
    sim.stand.answer("run-1", "ann", "deny", reason="only the switch")
    assert (await sim.go()).stopped is Status.PAUSED
    assert sim.world.begun == []
    sim.world.instant = True
    await sim.go()
    sim.stand.answer("run-1", "ann")
    await sim.go()
    assert sim.world.begun == ["web"]
    sim.stand.close()


async def test_a_health_check_left_out_is_not_called_recovered(tmp_path: Path, tasks) -> None:
    sim = simulated(tmp_path, tasks, {"web": {"patience": "1s"}, "top": {"needs": ["web"]}})
    sim.world.instant = True
    sim.world.dead_health = {"web"}
    sim.create()
    await declared(sim)
    await sim.go()
    assert sim.stand.outcomes()["web__health"] == "failed"
    assert sim.world.begun == ["web"]
    sim.stand.answer("run-1", "ann", "deny", reason="the check is broken, I see it work", steps=["web__health"])
    state = await sim.go()
    measured = state.items["recovered", None].output
    assert measured["recovered"] == ["top"]
    assert measured["not_shown"] == ["web"]
    assert "the check is broken, I see it work" in " ".join(measured["lines"])
    for step in ("service_back", "lessons"):
        sim.stand.answer("run-1", "ann", reason="we learnt", steps=[step])
        state = await sim.go()
    assert state.ended is Status.EXCEPTIONS
    assert "report" in {item["step"] for item in state.evidence}
    assert len(sim.messenger.sent_keys) == 3
    sim.stand.close()


async def test_an_older_backup_is_asked_about_and_stands_in_the_report(tmp_path: Path, tasks) -> None:
    rows = {
        "kind": "newest_row",
        "host": "db",
        "database": "shop",
        "newest": "SELECT 1",
        "count": "SELECT 1",
        "at_least": 10,
    }
    sim = simulated(tmp_path, tasks, {"db": {"rpo": "1h", "data": [rows]}, "web": {"needs": ["db"]}})
    sim.world.instant = True
    sim.world.rows["db"] = ProbeAnswer(count=500, newest=long_ago(minutes=26 * 60))
    sim.create()
    await declared(sim)
    await sim.go()
    assert sim.stand.outcomes()["db__data"] == "failed"
    assert sim.world.begun == ["db"], "what needs it does not stand on old data by itself"
    (asked,) = sim.stand.view()["waiting_for"]
    assert "an older backup" in asked["reasons"][0]
    sim.stand.answer("run-1", "ann", "deny", reason="there is no newer one, the client agrees", steps=["db__data"])
    state = await sim.go()
    measured = state.items["recovered", None].output
    assert (measured["recovered"], measured["not_shown"]) == (["web"], ["db"])
    assert measured["rpo_missed"] == ["db"], "what was measured stays, whatever was decided"
    assert "there is no newer one, the client agrees" in " ".join(measured["lines"])
    sim.stand.close()
