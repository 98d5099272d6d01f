"""Priority, first in first out, round robin, skills and their expiry: as properties over people who come and go."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.sweep.model import SEVERITIES, rank
from tenantry.triage.choose import Candidate, Waiting, allotted, chosen, in_order
from tenantry.triage.model import Skill

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
RAISE = timedelta(hours=4)
NAMES = [f"p{number}" for number in range(6)]
SKILLS = ["aws", "m365", "linux"]


def everywhere(_: str) -> bool:
    return True


def people(*names: str, **more: object) -> list[Candidate]:
    return [replace(Candidate(name, everywhere, most=1_000), **more) for name in names]  # type: ignore[arg-type]  # fields of it


waitings = st.builds(
    Waiting,
    id=st.uuids().map(str),
    tenant=st.sampled_from(["acme", "globex"]),
    severity=st.sampled_from(SEVERITIES),
    opened=st.integers(0, 3_000).map(lambda minutes: START + timedelta(minutes=minutes)),
    due=st.none() | st.integers(0, 3_000).map(lambda minutes: START + timedelta(minutes=minutes)),
    needs=st.frozensets(st.sampled_from(SKILLS), max_size=2),
    way=st.sampled_from(["round_robin", "least_busy", "skill"]),
)
crowds = st.lists(
    st.builds(
        Candidate,
        id=st.sampled_from(NAMES),
        covers=st.frozensets(st.sampled_from(["acme", "globex"])).map(lambda names: names.__contains__),
        skills=st.frozensets(st.sampled_from(SKILLS)),
        duty=st.booleans(),
        load=st.integers(0, 3),
        most=st.integers(0, 5),
        turn=st.integers(0, 20),
    ),
    max_size=6,
    unique_by=lambda person: person.id,
)


# --- the queue --------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(waitings, max_size=12))
def test_first_in_first_out(waiting: list[Waiting]) -> None:
    found = in_order(waiting, "first_in_first_out", START, RAISE)
    assert [one.opened for one in found] == sorted(one.opened for one in waiting)


@settings(max_examples=40)
@given(st.lists(waitings, max_size=12))
def test_by_priority_the_worst_comes_first_and_of_the_same_what_is_due_first(waiting: list[Waiting]) -> None:
    now = START  # nothing has waited yet
    found = in_order(waiting, "priority", now, RAISE)
    keys = [(-rank(one.severity), one.due or datetime.max.replace(tzinfo=UTC), one.opened) for one in found]
    assert keys == sorted(keys)
    assert {one.id for one in found} == {one.id for one in waiting}


@settings(max_examples=40)
@given(st.lists(waitings, min_size=1, max_size=12), st.lists(waitings, max_size=12), st.integers(0, 5_000))
def test_nothing_starves(old: list[Waiting], later: list[Waiting], minutes: int) -> None:
    """What has waited five times as long as it takes to be raised is behind nothing that came later, however bad that is."""
    now = START + timedelta(minutes=3_000) + 5 * RAISE
    late = [replace(one, opened=now - timedelta(minutes=minutes)) for one in later]
    found = in_order([*old, *late], "priority", now, RAISE)
    for one in old:
        ahead = found[: found.index(one)]
        assert all(other.opened <= one.opened for other in ahead)


@settings(max_examples=20)
@given(
    st.lists(st.sampled_from(["high", "critical"]), min_size=200, max_size=300),
    st.sampled_from(["info", "low", "medium"]),
)
def test_one_that_waits_is_served_while_worse_ones_keep_coming(coming: list[str], severity: str) -> None:
    """One is served a minute and one comes a minute: served at the latest once it and all that were before it are."""
    queue = [Waiting("it", "acme", severity, START)]
    for minute, worse in enumerate(coming):
        now = START + timedelta(minutes=minute)
        queue.append(Waiting(f"n{minute}", "acme", worse, now))
        queue = in_order(queue, "priority", now, timedelta(minutes=20))
        if queue.pop(0).id == "it":
            return
    raise AssertionError("it starved")


# --- whose ------------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(waitings, max_size=12), crowds)
def test_whoever_gets_it_may_and_can(waiting: list[Waiting], crowd: list[Candidate]) -> None:
    here = {person.id: person for person in crowd}
    given_: Counter[str] = Counter()
    for one, choice in zip(waiting, allotted(waiting, crowd, 20), strict=True):
        able = [
            person
            for person in crowd
            if person.duty
            and person.covers(one.tenant)
            and one.needs <= person.skills
            and person.load + given_[person.id] < person.most
        ]
        assert choice.why
        if choice.person is None:
            assert not able, "somebody could have taken it"
        else:
            assert here[choice.person] in able
            given_[choice.person] += 1


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.just("alert"),
            st.tuples(st.just("comes"), st.sampled_from(NAMES)),
            st.tuples(st.just("goes"), st.sampled_from(NAMES)),
        ),
        max_size=120,
    )
)
def test_round_robin_is_fair_while_people_come_and_go(story: list[object]) -> None:
    """Of two who were both there for a while, neither was given two more than the other, whoever else came and went meanwhile."""
    turns: dict[str, int] = {}
    here: set[str] = {"p0", "p1"}
    turn = 0
    together: dict[frozenset[str], Counter[str]] = {frozenset(here): Counter()}
    for number, step in enumerate(story):
        if isinstance(step, tuple):
            what, who = step
            here = here | {who} if what == "comes" else here - {who}
            pairs = {frozenset({one, other}) for one in here for other in here if one != other}
            together = {pair: together.get(pair, Counter()) for pair in pairs}
            continue
        crowd = [Candidate(name, everywhere, turn=turns.get(name, 0), most=1_000) for name in sorted(here)]
        choice = chosen(Waiting(str(number), "acme", "high", START), crowd, on_call=False)
        if choice.person is None:
            assert not here
            continue
        turn += 1
        turns[choice.person] = turn
        for pair, counts in together.items():
            if choice.person in pair:
                counts[choice.person] += 1
                one, other = pair
                assert abs(counts[one] - counts[other]) <= 1


def test_who_comes_back_is_not_flooded_with_what_they_missed() -> None:
    crowd = [*people("ann", turn=101), *people("sam", turn=102), *people("kim", turn=3)]
    waiting = [Waiting(str(number), "acme", "high", START) for number in range(6)]
    assert [choice.person for choice in allotted(waiting, crowd, 102)] == ["kim", "ann", "sam"] * 2


@settings(max_examples=40)
@given(
    st.lists(waitings.map(lambda one: replace(one, way="least_busy", needs=frozenset(), tenant="acme")), max_size=20)
)
def test_the_least_busy_get_evenly_loaded(waiting: list[Waiting]) -> None:
    counts = Counter(choice.person for choice in allotted(waiting, people("ann", "sam", "kim"), 0))
    found = [counts[name] for name in ("ann", "sam", "kim")]
    assert max(found) - min(found) <= 1


def test_by_skill_specialists_stay_free() -> None:
    crowd = [*people("ann", skills=frozenset({"aws", "linux"})), *people("sam", skills=frozenset({"aws"}))]
    one = Waiting("i", "acme", "high", START, needs=frozenset({"aws"}), way="skill", rule="cloud")
    choice = chosen(one, crowd, on_call=False)
    assert (choice.person, choice.why) == ("sam", "skill among 2, who must have aws (rule cloud)")


@settings(max_examples=40)
@given(st.dates(date(2026, 1, 1), date(2027, 1, 1)), st.dates(date(2026, 1, 1), date(2027, 1, 1)))
def test_a_skill_counts_until_the_day_on_which_it_ends(ends: date, today: date) -> None:
    assert Skill(name="aws", expires_on=ends).counts(today) == (today <= ends)
    assert Skill(name="aws").counts(today)


def test_a_skill_that_is_over_is_said_and_does_not_count() -> None:
    one = Waiting("i", "acme", "high", START, needs=frozenset({"aws"}))
    choice = chosen(one, people("ann", ended=frozenset({"aws"})), on_call=False)
    assert (choice.person, choice.why) == (None, "nobody on duty has aws; over: ann's aws")


def test_what_nobody_on_duty_can_take_is_for_who_is_on_call() -> None:
    one = Waiting("i", "acme", "critical", START, call=("kim", "ann"))
    tired = people("ann", duty=False)
    assert chosen(one, tired, on_call=True).person == "kim"
    assert chosen(one, tired, on_call=True).why == "on call: nobody on duty"
    assert chosen(one, tired, on_call=False).person is None
    assert chosen(one, people("sam"), on_call=True).person == "sam"


def test_nobody_is_given_what_they_may_not_touch_or_is_not_for_them() -> None:
    apart = Candidate("ann", lambda tenant: tenant == "globex")
    assert (
        chosen(Waiting("i", "acme", "high", START), [apart], on_call=False).why == "nobody is given incidents of acme"
    )
    named = Waiting("i", "acme", "high", START, among=frozenset({"kim"}))
    assert chosen(named, people("sam"), on_call=False).person is None
    way: Literal["nobody"] = "nobody"
    assert chosen(Waiting("i", "acme", "high", START, way=way), people("sam"), on_call=False).person is None
