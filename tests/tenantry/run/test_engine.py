"""What a run promises, on a small world: order, skipping, gates, failures, undo, status from steps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import InDoubt, PermissionMissing, Throttled, Unreachable
from tenantry.journal import Event, LeaseHeld
from tenantry.run import Status
from tests.support.stand import QUICK, Access, Stand
from tests.support.world import World, registry

HEAD = """\
id: small
version: "1"
title: Small
kind: incident
phases: [PHASES]
params: {}
steps:
"""


def book(*steps: str) -> str:
    phases = [phase for phase in ("one", "two") if any(f"phase: {phase}" in step for step in steps)]
    return HEAD.replace("PHASES", ", ".join(phases)) + "".join(f"  - {step}\n" for step in steps)


A = "{id: a, phase: one, uses: world.turn_on, with: {name: a}}"
B = "{id: b, phase: two, uses: world.turn_on, needs: [a], with: {name: b}}"


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    stand = Stand(tmp_path / "home", registry())
    stand.person("ann", "approver", "engineer")
    stand.person("bob", "approver")
    return stand


def on(world: World, **more: object) -> Access:
    return Access(capabilities={"identity": world}, **more)  # type: ignore[arg-type]


async def test_runs_once_and_says_already_the_second_time(stand: Stand) -> None:
    world = World()
    stand.create(book(A, B))
    state = await stand.run("run-1", on(world))
    assert state.ended is Status.COMPLETED
    assert world.writes == [("a", "on"), ("b", "on")]
    assert stand.outcomes() == {"a": "changed", "b": "changed"}
    stand.create(book(A, B), run_id="run-2")
    assert (await stand.run("run-2", on(world))).ended is Status.COMPLETED
    assert stand.outcomes("run-2") == {"a": "already", "b": "already"}
    assert len(world.writes) == 2
    assert stand.journal.verify().ok


async def test_plan_changes_nothing_and_foresees_what_run_does(stand: Stand) -> None:
    world = World(a="off")
    back = "{id: back, phase: two, uses: world.turn_on, needs: [a], with: {name: a, to: 'off'}}"
    stand.create(book(A, back), mode="plan")
    assert (await stand.run("run-1", on(world))).ended is Status.PLANNED
    assert world.writes == []
    planned = [change for step in stand.view()["steps"] for change in step["changes"]]
    stand.create(book(A, back), run_id="run-2")
    await stand.run("run-2", on(world))
    made = [change for step in stand.view("run-2")["steps"] for change in step["changes"]]
    assert planned == made
    assert len(made) == 2


async def test_for_each_expands_once_and_keeps_ids(stand: Stand) -> None:
    world = World(x="off", y="off")
    text = book(
        "{id: names, phase: one, uses: world.list_switches}",
        "{id: each, phase: two, uses: world.turn_on, for_each: steps.names.output.names, expect_at_most: 5,"
        " with: {name: '${ item }'}}",
    )
    stand.create(text)
    state = await stand.run("run-1", on(world))
    assert state.ended is Status.COMPLETED
    assert stand.outcomes() == {"names": "observed", "each[x]": "changed", "each[y]": "changed"}
    assert [ref["name"] for ref in state.evidence] == ["switches"]


async def test_more_targets_than_expected_stops_before_the_first(stand: Stand) -> None:
    world = World(**{f"s{i}": "off" for i in range(4)})
    text = book(
        "{id: names, phase: one, uses: world.list_switches}",
        "{id: each, phase: two, uses: world.turn_on, for_each: steps.names.output.names, expect_at_most: 3,"
        " with: {name: '${ item }'}}",
    )
    stand.create(text)
    state = await stand.run("run-1", on(world))
    assert state.stopped is Status.WAITING
    assert world.writes == []
    assert "expects at most 3" in stand.view()["waiting_for"][0]["reasons"][0]
    stand.answer("run-1", "ann")
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert len(world.writes) == 4


async def test_when_false_skips_and_dependents_go_on(stand: Stand) -> None:
    world = World()
    text = book(
        A,
        "{id: no, phase: one, uses: world.turn_on, when: \"steps.a.outcome == 'failed'\", with: {name: no}}",
        "{id: after, phase: two, uses: world.turn_on, needs: [no], with: {name: after}}",
    )
    stand.create(text)
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert stand.outcomes() == {"a": "changed", "no": "skipped", "after": "changed"}


async def test_failed_step_pauses_the_run_and_resume_goes_on(stand: Stand) -> None:
    world = World()

    def trouble(kind: str, name: str) -> None:
        if kind == "before" and name == "a":
            raise PermissionMissing("no right to write")

    world.trouble = trouble
    other = "{id: c, phase: one, uses: world.turn_on, with: {name: c}}"
    stand.create(book(A, B, other))
    state = await stand.run("run-1", on(world))
    assert state.stopped is Status.PAUSED
    assert stand.outcomes() == {"a": "failed", "b": None, "c": "changed"}
    assert stand.view()["steps"][0]["error"]["code"] == "permission_missing"
    world.trouble = lambda _k, _n: None
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert world.writes == [("c", "on"), ("a", "on"), ("b", "on")]


async def test_fixed_by_hand_after_a_refusal_is_not_ours(stand: Stand) -> None:
    world = World()

    def refuse(kind: str, _name: str) -> None:
        if kind == "before":
            raise PermissionMissing("no right to write")

    world.trouble = refuse
    stand.create(book(A))
    await stand.run("run-1", on(world))
    world.trouble = lambda _k, _n: None
    world.switches["a"] = "on"  # somebody else did it
    await stand.run("run-1", on(world))
    assert stand.outcomes() == {"a": "already"}
    assert world.writes == []


async def test_continue_ends_with_exceptions(stand: Stand) -> None:
    world = World()

    def refuse(kind: str, name: str) -> None:
        if kind == "before" and name == "a":
            raise PermissionMissing("no right to write")

    world.trouble = refuse
    stand.create(book(A.replace("with:", "on_failure: continue, with:"), B))
    assert (await stand.run("run-1", on(world))).ended is Status.EXCEPTIONS
    assert stand.outcomes() == {"a": "failed", "b": "changed"}


LATER = (
    "{id: pair, phase: one, uses: world.turn_on, for_each: params.names, expect_at_most: 5, on_failure: continue, with: {name: '${item}'}}",
    "{id: ask, phase: one, uses: world.ask, with: {question: 'Go on?'}}",
    "{id: each, phase: two, uses: world.turn_on, for_each: \"steps.pair.items.filter(p, p.outcome == 'changed').map(p, p.key + '2')\", "
    "expect_at_most: 5, on_failure: continue, with: {name: '${item}'}}",
    "{id: third, phase: two, uses: world.turn_on, for_each: \"steps.each.items.filter(p, p.outcome == 'changed').map(p, p.key + '3')\", "
    "expect_at_most: 5, with: {name: '${item}'}}",
    "{id: all, phase: two, uses: world.turn_on, when: \"steps.pair.outcome == 'changed'\", with: {name: all}}",
    "{id: not_all, phase: two, uses: world.turn_on, when: \"steps.pair.outcome != 'changed'\", with: {name: not_all}}",
)


async def test_what_was_left_out_for_a_failure_is_done_once_that_is_mended(stand: Stand) -> None:
    """A step that went on without what had failed takes it in when a later attempt of the run succeeds with it."""
    world = World()

    def b_is_away(kind: str, name: str) -> None:
        if kind == "read" and name == "b":
            raise PermissionMissing("b is away")

    world.trouble = b_is_away
    names = "params: {names: {type: list, items: string, title: Names, description: Names.}}"
    stand.create(book(*LATER).replace("params: {}", names), {"names": ["a", "b"]})
    assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    assert [name for name, _ in world.writes if name != "not_all"] == ["a", "a2", "a23"]
    assert stand.outcomes()["all"] == "skipped"
    stand.answer("run-1", "ann")
    world.trouble = lambda _kind, _name: None
    state = await stand.run("run-1", on(world))
    assert state.ended is Status.COMPLETED
    assert Counter(name for name, _ in world.writes) == Counter(
        ["a", "a2", "a23", "not_all", "b", "b2", "b23", "all"]
    ), "the rest is done, and nothing twice"
    assert [item["key"] for item in stand.state().expansions["each"]] == ["a2", "b2"]
    assert "skipped" not in stand.outcomes().values()
    assert stand.state().whens == {"all": True, "not_all": True}, "what was begun is not taken back"


async def test_what_came_out_the_same_is_asked_once_per_mend(stand: Stand) -> None:
    """As long as nothing above it is mended, a list stands as it was recorded."""
    world = World()

    def b_is_away(kind: str, name: str) -> None:
        if kind == "read" and name == "b":
            raise PermissionMissing("b is away")

    world.trouble = b_is_away
    names = "params: {names: {type: list, items: string, title: Names, description: Names.}}"
    stand.create(book(*LATER).replace("params: {}", names), {"names": ["a", "b"]})
    for _ in range(3):
        assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    events = Counter((record.event, record.entry.fields["step"]) for record in stand.journal.records("run-1"))
    assert {count for (event, _), count in events.items() if event in ("step.when", "step.expanded")} == {1}


async def test_timeout_after_the_effect_is_rechecked_not_repeated(stand: Stand) -> None:
    world = World()
    raised = []

    def lose_the_answer(kind: str, name: str) -> None:
        if kind == "after" and not raised:
            raised.append(name)
            raise InDoubt("the answer never came")

    world.trouble = lose_the_answer
    stand.create(book(A))
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert world.writes == [("a", "on")]
    assert stand.outcomes() == {"a": "changed"}


@pytest.mark.parametrize("error", [Throttled("slow down", retry_after=0.01), Unreachable("gone")])
async def test_passing_trouble_is_waited_out(stand: Stand, error: Exception) -> None:
    world = World()
    left = [3]

    def sometimes(_kind: str, _name: str) -> None:
        if left[0]:
            left[0] -= 1
            raise error

    world.trouble = sometimes
    stand.create(book(A))
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert world.writes == [("a", "on")]


async def test_late_propagation_is_waited_for_and_never_called_done_early(stand: Stand) -> None:
    world = World(a="off")
    world.lag = 3
    stand.create(book(A))
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert world.writes == [("a", "on")]


async def test_effect_that_never_shows_is_not_reported_done(stand: Stand) -> None:
    world = World(a="off")
    world.lag = 10_000
    stand.create(book(A))
    state = await stand.run("run-1", on(world))
    assert state.stopped is Status.PAUSED
    assert stand.view()["steps"][0]["error"]["code"] == "not_verified"


async def test_could_not_check_is_unknown_never_clean(stand: Stand) -> None:
    world = World(a="off")
    written = []

    def blind(kind: str, name: str) -> None:
        if kind == "after":
            written.append(name)
        if kind == "read" and written:
            raise PermissionMissing("reads are gone")

    world.trouble = blind
    stand.create(book(A))
    state = await stand.run("run-1", on(world))
    assert state.stopped is Status.PAUSED
    assert stand.outcomes() == {"a": "unknown"}


async def test_irreversible_waits_for_two_people_when_nobody_proved_they_asked(stand: Stand) -> None:
    world = World()
    text = book("{id: wipe, phase: one, uses: world.wipe, approve: {four_eyes: true}, with: {name: disk, to: gone}}")
    stand.create(text)
    assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    stand.answer("run-1", "ann")
    assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    assert world.writes == []
    stand.answer("run-1", "bob")
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert world.writes == [("disk", "gone")]
    assert stand.view()["approvals"][0]["decision"] == "approve"


async def test_denied_approval_changes_nothing(stand: Stand) -> None:
    world = World()
    stand.create(book("{id: wipe, phase: one, uses: world.wipe, approve: {}, with: {name: disk, to: gone}}"))
    await stand.run("run-1", on(world))
    stand.answer("run-1", "ann", "deny", reason="not today")
    state = await stand.run("run-1", on(world))
    assert state.stopped is Status.PAUSED
    error = stand.view()["steps"][0]["error"]
    assert (error["code"], world.writes) == ("approval_denied", [])
    assert "not today" in error["message"]


async def test_guard_asks_although_the_runbook_does_not(stand: Stand) -> None:
    world = World()
    stand.create(
        book(
            "{id: x, phase: one, uses: world.guarded, with: {name: admin-1}}",
            "{id: y, phase: one, uses: world.guarded, with: {name: user-1}}",
        )
    )
    state = await stand.run("run-1", on(world))
    assert state.stopped is Status.WAITING
    assert world.writes == [("user-1", "on")]
    assert stand.view()["waiting_for"][0]["reasons"] == ["admin-1 is privileged"]


async def test_guard_that_cannot_look_stops_the_effect_but_not_a_check_that_finds_nothing_to_do(stand: Stand) -> None:
    world = World(done="on")

    def blind(kind: str, name: str) -> None:
        if kind == "read" and name.startswith("_watch/"):
            raise PermissionMissing("roles cannot be read")

    world.trouble = blind
    stand.create(
        book(
            "{id: done, phase: one, uses: world.guarded, with: {name: done}}",
            "{id: open, phase: one, uses: world.guarded, with: {name: open}}",
        )
    )
    state = await stand.run("run-1", on(world))
    assert (state.stopped, world.writes) == (Status.PAUSED, [])
    assert stand.outcomes() == {"done": "already", "open": "failed"}


async def test_guard_is_asked_again_after_a_check_that_took_long(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenantry.run.steps._GUARD_LIFE", 0.01)
    world = World()
    looks: list[str] = []

    async def slow(kind: str, name: str) -> None:
        if kind == "read":
            looks.append(name)
            if name == "user-1":
                await asyncio.sleep(0.05)

    world.trouble = slow
    stand.create(book("{id: x, phase: one, uses: world.guarded, with: {name: user-1}}"))
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert looks.count("_watch/user-1") == 2


async def test_human_answers_become_outputs(stand: Stand) -> None:
    world = World()
    text = book(
        "{id: ask, phase: one, uses: world.ask, with: {question: 'Was it you?'}}",
        "{id: yes_then, phase: two, uses: world.turn_on, when: \"steps.ask.output.answer == 'yes'\", with: {name: yes}}",
        "{id: no_then, phase: two, uses: world.turn_on, when: \"steps.ask.output.answer == 'no'\", with: {name: no}}",
    )
    stand.create(text)
    assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    stand.answer("run-1", "ann", "deny", reason="they were asleep")
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert world.writes == [("no", "on")]
    answer = stand.view()["steps"][0]["output"]
    assert (answer["answer"], answer["by"], answer["reason"]) == ("no", "ann", "they were asleep")


async def test_answer_given_while_other_steps_run_is_taken_at_once(stand: Stand) -> None:
    world = World()
    text = book(
        "{id: ask, phase: one, uses: world.ask, with: {question: 'Go?'}}",
        "{id: slow, phase: one, uses: world.turn_on, with: {name: slow}}",
        "{id: after, phase: two, uses: world.turn_on, needs: [ask], with: {name: after}}",
    )
    stand.create(text)

    async def answer_meanwhile(kind: str, name: str) -> None:
        if (kind, name) == ("before", "slow"):
            await asyncio.to_thread(stand.answer, "run-1", "ann")

    world.trouble = answer_meanwhile
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED


async def test_freeze_stops_effects_until_lifted(stand: Stand) -> None:
    world = World()
    stand.journal.freeze("*", "ann", "our RMM is compromised")
    stand.create(book(A))
    state = await stand.run("run-1", on(world))
    assert (state.stopped, world.writes) == (Status.PAUSED, [])
    assert stand.view()["steps"][0]["error"]["code"] == "frozen"
    assert stand.journal.unfreeze("*", "ann")
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED


async def test_whole_run_undo_restores_but_keeps_footholds_removed(stand: Stand) -> None:
    world = World(a="off", hole="open")
    stand.create(book(A, "{id: evict, phase: one, uses: world.evict, with: {name: hole, to: shut}}"))
    await stand.run("run-1", on(world))
    state = await stand.engine(on(world)).undo("run-1", step=None, by={"person": "ann"})
    assert state.ended is Status.UNDONE
    assert world.switches == {"a": "off", "hole": "shut"}
    view = {step["id"]: step for step in stand.view()["steps"]}
    assert view["a"]["outcome"] == "undone"
    assert "attacker" in view["evict"]["undo"]["why"]


async def test_foothold_undo_takes_the_step_and_an_approval(stand: Stand) -> None:
    world = World(hole="open")
    stand.create(
        book("{id: evict, phase: one, uses: world.evict, with: {name: hole, to: shut}}"),
        requester={"person": "bob", "proven": True, "via": "test"},
    )
    await stand.run("run-1", on(world))
    engine = stand.engine(on(world))
    state = await engine.undo("run-1", step="evict", by={"person": "bob"})
    assert (world.switches["hole"], state.status(live=False)) == ("shut", Status.COMPLETED)
    gate = state.open_gates()[0]
    assert gate.request["reasons"] == ["gives back what was taken from an attacker"]


async def test_undo_does_not_write_over_a_later_change(stand: Stand) -> None:
    world = World(a="off")
    stand.create(book(A))
    await stand.run("run-1", on(world))
    world.switches["a"] = "something else"
    state = await stand.engine(on(world)).undo("run-1", step=None, by={"person": "ann"})
    assert state.ended is Status.EXCEPTIONS
    assert world.switches["a"] == "something else"
    assert stand.view()["steps"][0]["error"]["code"] == "conflict"


async def test_two_owners_at_once_one_wins(stand: Stand) -> None:
    world = World()
    stand.create(book(A, B))
    release = asyncio.Event()

    async def hold(kind: str, name: str) -> None:
        if (kind, name) == ("read", "a"):
            await release.wait()

    world.trouble = hold
    first = asyncio.create_task(stand.run("run-1", on(world)))
    await asyncio.sleep(0.1)
    with pytest.raises(LeaseHeld):
        await stand.engine(on(world)).run("run-1", wait=False)
    release.set()
    assert (await first).ended is Status.COMPLETED
    assert world.writes == [("a", "on"), ("b", "on")]


async def test_cancelled_run_stops_before_its_next_effect(stand: Stand) -> None:
    world = World()
    stand.create(book(A))
    state = await stand.engine(on(world)).cancel("run-1", by={"person": "ann"})
    assert state.ended is Status.CANCELLED
    assert (await stand.run("run-1", on(world))).ended is Status.CANCELLED
    assert world.writes == []


async def test_throttling_uses_up_no_tries_and_other_failures_do(stand: Stand) -> None:
    world = World(a="off")
    met = 0

    def trouble(kind: str, name: str) -> None:
        nonlocal met
        if kind == "before":
            met += 1
            raise Throttled("slow down", retry_after=0.001) if met <= 6 else Unreachable("gone")

    world.trouble = trouble
    stand.create(book(A))
    assert (await stand.run("run-1", on(world))).stopped is Status.PAUSED
    assert met == 6 + 4
    step = stand.view()["steps"][0]
    assert step["error"]["code"] == "unreachable"
    assert step["throttled"]["times"] == 6


async def test_a_vendor_that_throttles_for_ever_fails_the_step_and_the_run_resumes(stand: Stand) -> None:
    world = World(a="off")

    def trouble(kind: str, name: str) -> None:
        if kind == "read":
            raise Throttled("slow down", retry_after=0.02)

    world.trouble = trouble
    stand.create(book(A))
    state = await stand.run("run-1", on(world), replace(QUICK, throttle_patience=0.1, read_attempts=2))
    assert state.stopped is Status.PAUSED
    assert stand.view()["steps"][0]["error"]["code"] == "throttled"
    world.trouble = lambda _kind, _name: None
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED


async def test_what_others_record_meanwhile_is_taken_in_and_the_record_is_not_read_for_nothing(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    records = stand.journal.records

    def counted(run_id: str, after: int = -1) -> Any:
        read.append(run_id)
        return records(run_id, after)

    monkeypatch.setattr(stand.journal, "records", counted)
    world = World(a="off", b="off")
    stand.create(book(A))
    read.clear()
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert read == ["run-1"]

    def noted(kind: str, name: str) -> None:
        if kind == "before" and name == "a":
            said = {"text": "the user called", "by": {"person": "ann"}}
            stand.journal.append("acme", [Event("note", said, "run-2", flow=("book", "1"))])

    world = World(a="off", b="off")
    world.trouble = noted
    stand.create(book(A), run_id="run-2")
    read.clear()
    state = await stand.run("run-2", on(world))
    assert state.ended is Status.COMPLETED
    assert len(state.notes) == 1
    assert read == ["run-2", "run-2"]


async def test_sign_in_begins_for_what_can_begin_now(stand: Stand) -> None:
    asked: list[set[str]] = []

    class Told(Access):
        async def ahead(self, names: Collection[str]) -> None:
            asked.append(set(names))
            raise ValueError("whatever it is, the steps meet it")

    world = World(a="off")
    stand.create(book(A))
    access = Told(capabilities=on(world).capabilities)
    assert (await stand.run("run-1", access)).ended is Status.COMPLETED
    assert asked == [{"identity"}]
