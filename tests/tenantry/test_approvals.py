"""The rules of approval: each by example, and the ones that must never break as properties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tenantry.approvals import ApprovalRequest, ApprovalRule, Decision, Requester, admit, approvers_needed, evaluate
from tenantry.errors import ApprovalExpired, NotAuthenticated, OutOfScope, Refused, TenantryError
from tenantry.people import Person

CREATED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ASKED = CREATED + timedelta(minutes=5)
NOW = ASKED + timedelta(minutes=5)
EXPIRES = ASKED + timedelta(hours=1)
BEFORE = CREATED - timedelta(days=30)


def somebody(person: str = "ann", **changes: Any) -> Person:
    record = Person(
        person, person.title(), "", frozenset({"approver"}), frozenset({"*"}), BEFORE, BEFORE, enrolled_at=BEFORE
    )
    return replace(record, **changes)


def asked(**changes: Any) -> ApprovalRequest:
    return ApprovalRequest.model_validate(
        {
            "run_id": "r1",
            "tenant": "acme",
            "step": "wipe",
            "item": "device-7",
            "arguments_digest": "sha256:aa",
            "role": "approver",
            "four_eyes": False,
            "requested_at": ASKED,
            "expires_at": EXPIRES,
            "requester": Requester(),
            "run_created_at": CREATED,
            **changes,
        }
    )


def answer(person: str = "ann", decision: str = "approve", **changes: Any) -> Decision:
    return Decision.model_validate(
        {
            "run_id": "r1",
            "step": "wipe",
            "item": "device-7",
            "arguments_digest": "sha256:aa",
            "person": person,
            "decision": decision,
            "at": NOW,
            **changes,
        }
    )


def verdict(request: ApprovalRequest, *decisions: Decision, now: datetime = NOW, **people: Person) -> str:
    everybody = {name: somebody(name) for name in ("ann", "bob", "eve")} | people
    return evaluate(request, decisions, everybody, now)


# --- by example -------------------------------------------------------------------------------------------------------


def test_one_fit_person_decides() -> None:
    assert verdict(asked()) == "pending"
    assert verdict(asked(), answer()) == "approved"
    assert verdict(asked(), answer(decision="deny")) == "denied"
    assert verdict(asked(), answer("ann"), answer("bob", "deny")) == "denied"
    assert verdict(asked(), answer("bob", "deny"), answer("ann")) == "denied"
    assert verdict(asked(), answer(), answer(decision="deny")) == "denied"
    assert verdict(asked(), answer("stranger")) == "pending"
    assert verdict(asked(), answer(run_id=None)) == "approved", "out of the run's own journal"


@pytest.mark.parametrize(
    "about",
    [{"run_id": "r2"}, {"step": "reset"}, {"item": "device-8"}, {"item": None}, {"arguments_digest": "sha256:ab"}],
)
def test_an_answer_to_something_else_does_not_count(about: dict[str, Any]) -> None:
    assert verdict(asked(), answer(**about)) == "pending"
    assert verdict(asked(), answer(decision="deny", **about)) == "pending"


def test_time() -> None:
    last = EXPIRES - timedelta(microseconds=1)
    assert verdict(asked(), answer(at=ASKED - timedelta(seconds=1))) == "pending"
    assert verdict(asked(), answer(at=ASKED)) == "approved"
    assert verdict(asked(), answer(at=last), now=last) == "approved"
    assert verdict(asked(), answer(at=last), now=NOW) == "pending", "an answer from the future"
    assert verdict(asked(), now=EXPIRES) == "expired"
    assert verdict(asked(), answer(), now=EXPIRES) == "expired", "an approval does not outlive its question"
    assert verdict(asked(), answer(at=EXPIRES), now=EXPIRES) == "expired"
    assert verdict(asked(), answer(decision="deny"), now=EXPIRES) == "denied"


UNFIT: list[tuple[str, dict[str, Any], type[TenantryError]]] = [
    ("no role", {"roles": frozenset({"engineer", "lead", "auditor"})}, OutOfScope),
    ("no tenant", {"tenants": frozenset({"beta"})}, OutOfScope),
    ("disabled", {"disabled_at": BEFORE}, NotAuthenticated),
    ("not enrolled", {"enrolled_at": None}, NotAuthenticated),
    ("enrolled later", {"enrolled_at": CREATED + timedelta(seconds=1)}, Refused),
    ("enrolled at that instant", {"enrolled_at": CREATED}, Refused),
    ("widened later", {"granted_at": CREATED + timedelta(seconds=1)}, Refused),
]


@pytest.mark.parametrize(("changes", "error"), [case[1:] for case in UNFIT], ids=[case[0] for case in UNFIT])
def test_who_is_unfit_neither_decides_nor_is_admitted(changes: dict[str, Any], error: type[TenantryError]) -> None:
    person = somebody(**changes)
    assert verdict(asked(), answer(), ann=person) == "pending"
    assert verdict(asked(), answer(decision="deny"), ann=person) == "pending"
    with pytest.raises(error) as caught:
        admit(asked(), person, NOW)
    assert type(caught.value) is error
    assert caught.value.remedy


def test_admitted() -> None:
    admit(asked(), somebody(), NOW)
    admit(asked(), somebody(tenants=frozenset({"acme"})), NOW)
    with pytest.raises(ApprovalExpired):
        admit(asked(), somebody(), EXPIRES)
    with pytest.raises(Refused, match="not asked yet"):
        admit(asked(), somebody(), ASKED - timedelta(seconds=1))


def test_who_is_disabled_after_answering() -> None:
    gone = somebody(disabled_at=NOW + timedelta(seconds=1))
    later = NOW + timedelta(minutes=1)
    assert verdict(asked(), answer(), now=later, ann=gone) == "pending"
    assert verdict(asked(), answer(decision="deny"), now=later, ann=gone) == "denied"


def test_four_eyes_with_a_proven_requester() -> None:
    request = asked(four_eyes=True, requester=Requester(person="ann", proven=True))
    assert approvers_needed(request) == 1
    assert verdict(request, answer("ann")) == "pending"
    assert verdict(request, answer("ann", "deny")) == "pending", "who started it cancels it instead"
    assert verdict(request, answer("bob")) == "approved"
    with pytest.raises(Refused, match="started this run"):
        admit(request, somebody("ann"), NOW)
    assert verdict(asked(requester=Requester(person="ann", proven=True)), answer("ann")) == "approved"


@pytest.mark.parametrize("requester", [Requester(), Requester(person="ann")])
def test_four_eyes_without_a_proven_requester_takes_two(requester: Requester) -> None:
    request = asked(four_eyes=True, requester=requester)
    assert approvers_needed(request) == 2
    assert verdict(request, answer("ann"), answer("ann"), answer("ann", at=NOW - timedelta(minutes=1))) == "pending"
    assert verdict(request, answer("ann"), answer("bob")) == "approved"
    assert verdict(request, answer("ann"), answer("bob"), answer("eve", "deny")) == "denied"
    assert verdict(request, answer("ann"), answer("bob"), bob=somebody("bob", disabled_at=NOW)) == "pending"


def test_records_that_make_no_sense() -> None:
    for build in (
        lambda: Requester(proven=True),
        lambda: asked(expires_at=ASKED),
        lambda: asked(run_created_at=NOW),
        lambda: asked(requested_at=datetime(2026, 11, 21, 12, 5)),  # noqa: DTZ001 - naive is the point
        lambda: asked(arguments_digest=""),
        lambda: ApprovalRule(expires_in=timedelta(0)),
        lambda: ApprovalRule(expires_in=timedelta(days=31)),
        lambda: answer(decision="maybe"),
    ):
        with pytest.raises(ValidationError):
            build()
    assert ApprovalRule().role == "approver"


# --- as properties ----------------------------------------------------------------------------------------------------

ids = st.sampled_from(["ann", "bob", "eve", "stranger"])
times = st.integers(-120, 4000).map(lambda seconds: ASKED + timedelta(seconds=seconds))
enrolments = st.none() | st.sampled_from([BEFORE, CREATED - timedelta(seconds=1), CREATED, NOW])
people = st.fixed_dictionaries(
    {
        name: st.builds(
            somebody,
            st.just(name),
            roles=st.sampled_from([frozenset({"approver"}), frozenset({"engineer"}), frozenset({"approver", "lead"})]),
            tenants=st.sampled_from([frozenset({"*"}), frozenset({"acme"}), frozenset({"beta"})]),
            enrolled_at=enrolments,
            granted_at=st.sampled_from([BEFORE, NOW]),
            disabled_at=st.none() | times,
        )
        for name in ("ann", "bob", "eve")
    }
)
decisions = st.lists(
    st.builds(
        answer,
        ids,
        st.sampled_from(["approve", "approve", "approve", "deny"]),
        run_id=st.sampled_from(["r1", "r1", "r1", "r2"]),
        step=st.sampled_from(["wipe", "wipe", "wipe", "reset"]),
        item=st.sampled_from(["device-7", "device-7", "device-8", None]),
        arguments_digest=st.sampled_from(["sha256:aa", "sha256:aa", "sha256:ab"]),
        at=times,
    ),
    max_size=8,
)
requests = st.builds(
    asked,
    four_eyes=st.booleans(),
    role=st.sampled_from(["approver", "lead"]),
    requester=st.sampled_from([Requester(), Requester(person="ann"), Requester(person="ann", proven=True)]),
)


def admissible(request: ApprovalRequest, person: Person) -> bool:
    try:
        admit(request, person, NOW)
    except TenantryError:
        return False
    return True


@given(requests, decisions, people, times)
def test_an_approval_always_stands_on_enough_fit_people(
    request: ApprovalRequest, given_: list[Decision], everybody: dict[str, Person], now: datetime
) -> None:
    if evaluate(request, given_, everybody, now) != "approved":
        return
    stands_on = {
        decision.person
        for decision in given_
        if decision.decision == "approve"
        and (decision.run_id, decision.step, decision.item) == ("r1", "wipe", "device-7")
        and decision.arguments_digest == request.arguments_digest
        and ASKED <= decision.at <= now < EXPIRES
        and decision.person in everybody
        and admissible(request, everybody[decision.person])
    }
    assert len(stands_on) >= approvers_needed(request)
    if request.four_eyes:
        starter = {request.requester.person} if request.requester.proven else set()
        assert len(stands_on | starter) >= 2


@given(requests, decisions, people, times, st.randoms(), st.booleans())
def test_order_and_repetition_do_not_matter(
    request: ApprovalRequest,
    given_: list[Decision],
    everybody: dict[str, Person],
    now: datetime,
    random: Any,
    twice: bool,
) -> None:
    shuffled = given_ * (2 if twice else 1)
    random.shuffle(shuffled)
    assert evaluate(request, shuffled, everybody, now) == evaluate(request, given_, everybody, now)


@given(requests, decisions, people, times, ids)
def test_a_denial_is_final(
    request: ApprovalRequest, given_: list[Decision], everybody: dict[str, Person], now: datetime, denier: str
) -> None:
    """Once somebody fit has denied, no further approval, no later time and nobody's leaving makes it approved."""
    person = everybody.get(denier)
    if person is None or not admissible(request, replace(person, disabled_at=None)):
        return
    answers = [*given_, answer(denier, "deny", at=ASKED), answer("ann"), answer("bob"), answer("eve")]
    for when in (person, replace(person, disabled_at=None), replace(person, disabled_at=NOW)):
        if when.disabled_at is None or when.disabled_at > ASKED:
            assert evaluate(request, answers, everybody | {denier: when}, max(now, ASKED)) == "denied"


Weaken = Callable[[Person], Person]


@given(
    requests,
    decisions,
    people,
    times,
    st.sampled_from(["ann", "bob", "eve"]),
    st.sampled_from(
        [
            lambda person: replace(person, roles=frozenset({"auditor"})),
            lambda person: replace(person, tenants=frozenset({"beta"})),
            lambda person: replace(person, enrolled_at=None),
            lambda person: replace(person, enrolled_at=CREATED),
        ]
    ),
)
def test_who_is_weakened_never_helps(
    request: ApprovalRequest,
    given_: list[Decision],
    everybody: dict[str, Person],
    now: datetime,
    name: str,
    weaken: Weaken,
) -> None:
    """Taking rights from somebody who did not deny never turns a refusal into an approval."""
    without_denial = [one for one in given_ if (one.person, one.decision) != (name, "deny")]
    weaker = everybody | {name: weaken(everybody[name])}
    if evaluate(request, without_denial, weaker, now) == "approved":
        assert evaluate(request, without_denial, everybody, now) == "approved"


@given(requests, decisions, people, times)
def test_other_digests_change_nothing(
    request: ApprovalRequest, given_: list[Decision], everybody: dict[str, Person], now: datetime
) -> None:
    relevant = [one for one in given_ if one.arguments_digest == request.arguments_digest]
    assert evaluate(request, given_, everybody, now) == evaluate(request, relevant, everybody, now)
