"""People: one-time codes, locks, and who may make whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tenantry.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, OutOfScope, RecordError, Refused
from tenantry.home import Home
from tenantry.people import Authenticated, Enrollment, People, Person, act_purpose
from tenantry.vault import Vault


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **parts: float) -> None:
        self.time += timedelta(**parts)


class Desk:
    """People with their phones."""

    def __init__(self, home: Home) -> None:
        self.clock = Clock()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.home = home
        self.vault = Vault.open(home, clock=self.clock)
        self.people = self.another()
        self.phones: dict[str, pyotp.TOTP] = {}

    def another(self) -> People:
        return People(self.home, self.vault, self.clock, on_event=lambda *event: self.events.append(event))

    def scan(self, enrollment: Enrollment) -> None:
        phone = pyotp.parse_uri(enrollment.otpauth_uri.get_secret_value())
        assert isinstance(phone, pyotp.TOTP)
        self.phones[enrollment.person] = phone

    def code(self, person: str, steps: int = 0) -> str:
        return self.phones[person].at(self.clock.time, counter_offset=steps)

    def wrong(self, person: str) -> str:
        right = {self.code(person, steps) for steps in (-1, 0, 1)} if person in self.phones else set()
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)

    def proof(self, person: str, act: str, subject: str) -> Authenticated:
        self.clock.advance(seconds=30)
        return self.people.authenticate(person, self.code(person), purpose=act_purpose(act, subject))

    def ok(self, person: str, people: People | None = None, steps: int = 0) -> bool:
        try:
            (people or self.people).authenticate(person, self.code(person, steps), purpose="test")
        except NotAuthenticated:
            return False
        return True

    def join(self, person: str, *roles: Any, tenants: Any = "*", by: str | None = None) -> None:
        self.people.add(person, person.title(), roles, tenants, f"{person}@msp.example")
        proof = self.proof(by, "enroll", person) if by else None
        self.scan(self.people.enroll(person, by=proof))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(Home(tmp_path / "home"))
    desk.join("ann", "approver", "engineer")
    desk.join("eve", "engineer", tenants=["acme"])
    yield desk
    desk.people.close()
    desk.vault.close()


# --- records ----------------------------------------------------------------------------------------------------------


def test_adding_and_listing(desk: Desk) -> None:
    person = desk.people.add("zoe.x", " Zoe ", ["lead"], ["beta", "acme"], "zoe@msp.example")
    assert (person.name, person.roles, person.tenants) == ("Zoe", {"lead"}, {"acme", "beta"})
    assert person.enabled
    assert person.effective_since is None
    assert [one.id for one in desk.people.list()] == ["ann", "eve", "zoe.x"]
    assert set(desk.people.records()) == {"ann", "eve", "zoe.x"}
    shown = person.as_dict()
    assert json.loads(json.dumps(shown))["added_at"] == "2026-11-21T12:00:05.000000Z"
    with pytest.raises(NotFound):
        desk.people.get("nobody")


@pytest.mark.parametrize(
    ("person", "name", "roles", "tenants"),
    [
        ("Zoe", "Z", ["lead"], "*"),
        ("zoe", " ", ["lead"], "*"),
        ("zoe", "Z", [], "*"),
        ("zoe", "Z", "lead", "*"),
        ("zoe", "Z", ["boss"], "*"),
        ("zoe", "Z", ["lead"], []),
        ("zoe", "Z", ["lead"], ["*", "acme"]),
        ("zoe", "Z", ["lead"], ["../x"]),
    ],
)
def test_what_is_no_person(desk: Desk, person: str, name: str, roles: Any, tenants: Any) -> None:
    with pytest.raises(InvalidInput):
        desk.people.add(person, name, roles, tenants)
    assert len(desk.people.list()) == 2


def test_an_id_is_never_used_again(desk: Desk) -> None:
    desk.people.disable("eve")
    with pytest.raises(Conflict):
        desk.people.add("eve", "Another Eve", ["engineer"], "*")


def test_scope() -> None:
    person = Person("p", "P", "", frozenset({"lead"}), frozenset({"acme"}), *[datetime.now(UTC)] * 2)
    assert person.covers("acme")
    assert not person.covers("beta")
    assert not person.covers("_msp")
    assert not person.covers("*")
    everywhere = replace(person, tenants=frozenset({"*"}))
    assert everywhere.covers("beta")
    assert everywhere.covers("_msp")


# --- codes ------------------------------------------------------------------------------------------------------------


def test_a_right_code_proves(desk: Desk) -> None:
    proof = desk.people.authenticate("eve", desk.code("eve"), purpose="approve r1", tenant="acme", role="engineer")
    assert (proof.person.id, proof.at, proof.method) == ("eve", desk.clock.time, "totp")
    assert (proof.purpose, proof.tenant) == ("approve r1", "acme")


def test_spaces_and_secret_text_are_taken(desk: Desk) -> None:
    code = desk.code("eve")
    desk.people.authenticate("eve", SecretStr(f" {code[:3]} {code[3:]}\n"), purpose="test")


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_one_step_of_drift_is_allowed(desk: Desk, steps: int) -> None:
    assert desk.ok("eve", steps=steps)


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_more_drift_is_not(desk: Desk, steps: int) -> None:
    assert not desk.ok("eve", steps=steps)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\ud800", "0" * 100_000])
def test_what_is_no_code(desk: Desk, code: str) -> None:
    with pytest.raises(NotAuthenticated):
        desk.people.authenticate("eve", code, purpose="test")


def test_a_code_works_once_in_every_process(desk: Desk) -> None:
    other = desk.another()
    assert desk.ok("eve")
    assert not desk.ok("eve")
    assert not desk.ok("eve", other)
    assert not desk.ok("eve", other, steps=-1), "nor one that is older than the last"
    assert desk.ok("eve", other, steps=1)
    desk.clock.advance(seconds=30)
    assert not desk.ok("eve")
    desk.clock.advance(seconds=30)
    assert desk.ok("eve")


def test_one_of_many_at_once_wins(desk: Desk) -> None:
    everywhere = [desk.another() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda n: desk.ok("eve", everywhere[n % 4]), range(16))) == 1


def test_the_code_of_another_is_wrong(desk: Desk) -> None:
    with pytest.raises(NotAuthenticated):
        desk.people.authenticate("eve", desk.code("ann"), purpose="test")


def test_scope_and_role_are_asked_after_the_code(desk: Desk) -> None:
    with pytest.raises(NotAuthenticated):
        desk.people.authenticate("eve", desk.wrong("eve"), purpose="test", tenant="beta")
    with pytest.raises(OutOfScope):
        desk.people.authenticate("eve", desk.code("eve"), purpose="test", tenant="beta")
    assert not desk.ok("eve"), "the code was used up"
    desk.clock.advance(seconds=30)
    with pytest.raises(OutOfScope):
        desk.people.authenticate("eve", desk.code("eve"), purpose="test", role="approver")


def test_refusals_look_alike(desk: Desk) -> None:
    desk.people.add("new", "New", ["engineer"], "*")
    desk.join("off", "engineer")
    desk.people.disable("off")
    desk.clock.advance(seconds=60)
    desk.ok("eve")
    said = set()
    for person, code in [
        ("eve", desk.wrong("eve")),
        ("eve", desk.code("eve")),
        ("nobody", "123456"),
        ("new", "123456"),
        ("off", desk.code("off")),
        ("Not An Id", "123456"),
    ]:
        with pytest.raises(NotAuthenticated) as caught:
            desk.people.authenticate(person, code, purpose="test")
        said.add((caught.value.message, caught.value.remedy))
    assert len(said) == 1
    assert [payload["reason"] for event, payload in desk.events if event == "people.refused"] == [
        "wrong code",
        "code used before",
        "no such person",
        "not enrolled",
        "disabled",
        "no such person",
    ]


@given(step_moves=st.lists(st.integers(-1, 3), max_size=12), offsets=st.lists(st.integers(-2, 2), max_size=12))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_time_step_is_ever_accepted_twice(desk: Desk, step_moves: list[int], offsets: list[int]) -> None:
    """Whatever the clock does and whichever codes are tried: the accepted steps only ever rise."""
    desk.clock.advance(hours=5)
    accepted: list[int] = []
    for move, offset in zip(step_moves, offsets, strict=False):
        desk.clock.advance(seconds=30 * move)
        if desk.ok("eve", steps=offset):
            accepted.append(int(desk.clock.time.timestamp()) // 30 + offset)
    assert accepted == sorted(set(accepted))


# --- locks ------------------------------------------------------------------------------------------------------------


def fail(desk: Desk, person: str, times: int) -> NotAuthenticated:
    for _ in range(times):
        with pytest.raises(NotAuthenticated) as caught:
            desk.people.authenticate(person, desk.wrong(person), purpose="test")
    return caught.value


def test_five_wrong_codes_lock_and_longer_each_time(desk: Desk) -> None:
    assert "locked_until" not in fail(desk, "eve", 4).detail
    for minutes in (15, 30, 60, 120, 240, 240):
        until = desk.clock.time + timedelta(minutes=minutes)
        error = fail(desk, "eve", 1)
        assert datetime.fromisoformat(error.detail["locked_until"]) == until
        assert not desk.ok("eve"), "a right code does not open a lock"
        desk.clock.time = until - timedelta(seconds=1)
        assert not desk.ok("eve")
        desk.clock.time = until
        fail(desk, "eve", 4)
    assert desk.ok("eve")
    fail(desk, "eve", 4)
    error = fail(desk, "eve", 1)
    assert datetime.fromisoformat(error.detail["locked_until"]) == desk.clock.time + timedelta(minutes=15)


def test_a_right_code_ends_the_count(desk: Desk) -> None:
    for _ in range(4):
        fail(desk, "eve", 4)
        desk.clock.advance(seconds=30)
        assert desk.ok("eve")


def test_counts_hold_between_processes(desk: Desk) -> None:
    fail(desk, "eve", 3)
    desk.people = desk.another()
    assert "locked_until" in fail(desk, "eve", 2).detail


def test_attempts_at_once_are_all_counted(desk: Desk) -> None:
    everywhere = [desk.another() for _ in range(4)]
    wrong = desk.wrong("eve")

    def attempt(n: int) -> None:
        with pytest.raises(NotAuthenticated):
            everywhere[n].authenticate("eve", wrong, purpose="test")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, range(4)))
    assert "locked_until" in fail(desk, "eve", 1).detail


def test_a_used_code_is_not_counted(desk: Desk) -> None:
    assert desk.ok("eve")
    assert [desk.ok("eve") for _ in range(10)] == [False] * 10
    desk.clock.advance(seconds=30)
    assert desk.ok("eve")


def test_a_name_that_nobody_has_locks_alike(desk: Desk) -> None:
    known, unknown = fail(desk, "eve", 5), fail(desk, "nobody", 5)
    assert (known.message, known.remedy) == (unknown.message, unknown.remedy)
    for n in range(1100):
        desk.people._codes.judge(f"p{n}", None, [], desk.clock.time)
    rows = desk.people._db.all("SELECT id FROM attempts")
    assert len(rows) == 1001, "kept, but not without end"
    assert "eve" in {row["id"] for row in rows}


def test_an_approver_lifts_a_lock(desk: Desk) -> None:
    fail(desk, "eve", 5)
    desk.people.unlock("eve", by=desk.proof("ann", "unlock", "eve"))
    assert desk.ok("eve")
    with pytest.raises(Refused):
        desk.people.unlock("eve", by=desk.proof("eve", "unlock", "eve"))


# --- enrolling and disabling ------------------------------------------------------------------------------------------


def test_enrollment_shows_a_uri_and_a_code(desk: Desk) -> None:
    desk.people.add("zoe", "Zoe", ["engineer"], "*", "zoe@msp.example")
    enrollment = desk.people.enroll("zoe")
    uri = enrollment.otpauth_uri.get_secret_value()
    assert uri.startswith("otpauth://totp/Tenantry:zoe%40msp.example?secret=")
    assert len(enrollment.qr_text().splitlines()) > 10
    secret = pyotp.parse_uri(uri).secret
    assert secret not in repr(enrollment)
    for path in desk.home.path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_the_first_approver_needs_nobody_and_the_second_needs_the_first(desk: Desk) -> None:
    desk.people.add("bob", "Bob", ["approver"], "*")
    with pytest.raises(Refused, match="takes an approver"):
        desk.people.enroll("bob")
    for proof in (
        desk.proof("eve", "enroll", "bob"),
        desk.proof("ann", "enroll", "eve"),
        desk.proof("ann", "disable", "bob"),
    ):
        with pytest.raises(Refused):
            desk.people.enroll("bob", by=proof)
    stale = desk.proof("ann", "enroll", "bob")
    desk.clock.advance(minutes=5, seconds=1)
    with pytest.raises(Refused, match="stale"):
        desk.people.enroll("bob", by=stale)
    future = replace(stale, at=desk.clock.time + timedelta(seconds=1))
    with pytest.raises(Refused, match="stale"):
        desk.people.enroll("bob", by=future)
    desk.scan(desk.people.enroll("bob", by=desk.proof("ann", "enroll", "bob")))
    assert desk.ok("bob")


def test_the_first_approver_may_scan_again_until_they_have_proved_themselves(tmp_path: Path) -> None:
    desk = Desk(Home(tmp_path / "home"))
    desk.join("ann", "approver")
    desk.people.add("bob", "Bob", ["approver"], "*")
    with pytest.raises(Refused):
        desk.people.enroll("bob")
    desk.scan(desk.people.enroll("ann"))
    assert desk.ok("ann")
    with pytest.raises(Refused):
        desk.people.enroll("ann")
    desk.scan(desk.people.enroll("ann", by=desk.proof("ann", "enroll", "ann")))
    with pytest.raises(Refused):
        desk.people.enroll("ann")
    desk.scan(desk.people.enroll("bob", by=desk.proof("ann", "enroll", "bob")))


def test_enrolling_anew_ends_the_old_secret(desk: Desk) -> None:
    old = desk.phones["eve"]
    desk.scan(desk.people.enroll("eve"))
    with pytest.raises(NotAuthenticated):
        desk.people.authenticate("eve", old.at(desk.clock.time), purpose="test")
    assert desk.ok("eve")
    assert len(desk.vault.versions("_msp", "people/eve/totp")) == 1
    with pytest.raises(Refused):
        desk.people.enroll("eve")
    desk.people.enroll("eve", by=desk.proof("eve", "enroll", "eve"))
    desk.people.enroll("eve", by=desk.proof("ann", "enroll", "eve"))


def test_who_is_disabled_is_out_at_once(desk: Desk) -> None:
    desk.people.disable("eve")
    assert not desk.people.get("eve").enabled
    assert desk.vault.versions("_msp", "people/eve/totp") == ()
    desk.clock.advance(seconds=30)
    assert not desk.ok("eve")
    at = desk.people.get("eve").disabled_at
    desk.clock.advance(hours=1)
    assert desk.people.disable("eve").disabled_at == at
    with pytest.raises(Refused):
        desk.people.enroll("eve")
    with pytest.raises(Refused):
        desk.people.enable("eve")
    back = desk.people.enable("eve", by=desk.proof("ann", "enable", "eve"))
    assert back.enabled
    assert back.enrolled_at is None
    desk.scan(desk.people.enroll("eve", by=desk.proof("ann", "enroll", "eve")))
    assert desk.ok("eve")


def test_approvers_disable_approvers_but_not_the_last(desk: Desk) -> None:
    desk.join("bob", "approver", by="ann")
    with pytest.raises(Refused):
        desk.people.disable("bob")
    proof_of_bob = desk.proof("bob", "disable", "ann")
    desk.people.disable("bob", by=desk.proof("ann", "disable", "bob"))
    with pytest.raises(Refused, match="disabled or enrolled anew"):
        desk.people.disable("ann", by=proof_of_bob)
    with pytest.raises(Refused, match="last approver"):
        desk.people.disable("ann", by=desk.proof("ann", "disable", "ann"))
    with pytest.raises(Refused, match="last approver"):
        desk.people.change("ann", roles=["engineer"], by=desk.proof("ann", "change", "ann"))
    assert desk.people.get("ann").enabled


def test_a_proof_from_before_a_new_enrolment_does_not_count(desk: Desk) -> None:
    proof = desk.proof("ann", "enable", "eve")
    again = desk.proof("ann", "enroll", "ann")
    desk.clock.advance(seconds=1)
    desk.scan(desk.people.enroll("ann", by=again))
    desk.people.disable("eve")
    with pytest.raises(Refused, match="enrolled anew"):
        desk.people.enable("eve", by=proof)


def test_changing(desk: Desk) -> None:
    assert desk.ok("ann")
    before = desk.people.get("eve").effective_since
    desk.clock.advance(hours=1)
    with pytest.raises(Refused):
        desk.people.change("eve", roles=["engineer", "approver"])
    with pytest.raises(Refused):
        desk.people.change("ann", roles=["approver"])
    same = desk.people.change("eve", roles=["engineer"])
    assert same.effective_since == before, "not widened"
    wider = desk.people.change("eve", tenants=["acme", "beta"])
    assert wider.effective_since == desk.clock.time
    desk.clock.advance(hours=1)
    assert desk.people.change("eve", tenants=["beta"]).effective_since == wider.effective_since
    assert desk.people.change("eve", tenants="*").effective_since == desk.clock.time
    desk.clock.advance(hours=1)
    assert desk.people.change("eve", tenants=["gamma"]).effective_since != desk.clock.time
    proof = desk.proof("ann", "change", "eve")
    assert desk.people.change("eve", roles=["approver"], by=proof).roles == {"approver"}


def test_an_approver_of_one_client_makes_none_of_all(desk: Desk) -> None:
    desk.join("carl", "approver", tenants=["acme"], by="ann")
    desk.people.add("dan", "Dan", ["approver"], "*")
    with pytest.raises(OutOfScope):
        desk.people.enroll("dan", by=desk.proof("carl", "enroll", "dan"))
    with pytest.raises(OutOfScope):
        desk.people.change("carl", tenants="*", by=desk.proof("carl", "change", "carl"))
    with pytest.raises(OutOfScope):
        desk.people.disable("ann", by=desk.proof("carl", "disable", "ann"))
    desk.people.add("eli", "Eli", ["approver"], ["acme"])
    desk.people.enroll("eli", by=desk.proof("carl", "enroll", "eli"))


# --- events -----------------------------------------------------------------------------------------------------------


def test_every_act_is_told_and_no_secret_in_it(desk: Desk) -> None:
    desk.join("bob", "approver", by="ann")
    desk.people.change("eve", tenants=["beta"])
    fail(desk, "eve", 5)
    desk.people.unlock("eve", by=desk.proof("ann", "unlock", "eve"))
    desk.people.disable("eve")
    desk.people.enable("eve", by=desk.proof("ann", "enable", "eve"))
    assert {event for event, _ in desk.events} == {
        f"people.{act}"
        for act in [
            "added",
            "enrolled",
            "changed",
            "refused",
            "locked",
            "authenticated",
            "unlocked",
            "disabled",
            "enabled",
        ]
    }
    told = json.dumps(desk.events)
    for phone in desk.phones.values():
        assert phone.secret not in told
    enrolled = {payload["person"]: payload["by"] for event, payload in desk.events if event == "people.enrolled"}
    assert enrolled == {"ann": None, "eve": None, "bob": "ann"}


def test_what_cannot_be_recorded_does_not_happen(desk: Desk) -> None:
    def full(event: str, payload: dict[str, Any]) -> None:
        raise RecordError("the journal is full")

    people = People(desk.home, desk.vault, desk.clock, on_event=full)
    with pytest.raises(RecordError):
        people.add("zoe", "Zoe", ["engineer"], "*")
    with pytest.raises(RecordError):
        people.enroll("eve")
    with pytest.raises(RecordError):
        people.disable("eve")
    with pytest.raises(RecordError):
        people.authenticate("ann", desk.code("ann"), purpose="test")
    assert [person.id for person in people.list()] == ["ann", "eve"]
    assert desk.people.get("eve").enabled
    assert desk.ok("eve"), "the old secret still works"
    assert not desk.ok("ann"), "a code that was seen is used up"
