"""Answers to a run's questions: proven, admitted, recorded; refusals recorded too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest

from tenantry.approvals import evaluate
from tenantry.clock import rfc3339
from tenantry.decisions import approval_purpose, decide, decide_all, open_gates, prove
from tenantry.errors import (
    ApprovalExpired,
    Conflict,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    OutOfScope,
    Refused,
)
from tenantry.home import Home
from tenantry.journal import Event, Journal
from tenantry.people import People, act_purpose
from tenantry.run import RunState, fold
from tenantry.run.gates import as_decisions, as_request
from tenantry.vault import MSP, Vault

RUN = "0a1b2c3d-0000-4000-8000-000000000001"
FLOW = ("two_questions", "1")


class Time:
    """A clock for people and journal alike."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    def monotonic_us(self) -> int:
        return int(self.at.timestamp() * 1e6)

    def step(self) -> None:
        """Far enough for the next code."""
        self.at += timedelta(seconds=30)


class Desk:
    """A home with people and one run that asks."""

    def __init__(self, path: Path) -> None:
        self.time = Time()
        home = Home(path).ensure()
        self.vault = Vault.open(home, clock=self.time.now)
        self.vault.create_tenant_key("acme")
        self.vault.create_tenant_key("globex")
        self.journal = Journal(f"sqlite:///{home.journal_db}", lambda t: self.vault.subkey(t, "journal"), self.time)
        self.people = People(home, self.vault, self.time.now)
        self.seeds: dict[str, str] = {}
        self.join("ann", ["approver"], "*")

    def join(self, person: str, roles: list[Any], tenants: str, by: str | None = None) -> None:
        self.people.add(person, person.title(), roles, tenants)
        proof = None
        if by is not None:
            proof = self.people.authenticate(by, self.code(by), purpose=act_purpose("enroll", person))
        uri = self.people.enroll(person, by=proof).otpauth_uri.get_secret_value()
        self.seeds[person] = pyotp.parse_uri(uri).secret
        self.time.step()

    def code(self, person: str) -> str:
        return pyotp.TOTP(self.seeds[person]).at(self.time.at)

    def begin(self, requester: dict[str, Any] | None = None, tenant: str = "acme") -> None:
        self.time.step()
        payload = {
            "tenant": tenant,
            "runbook": {"id": FLOW[0], "version": FLOW[1], "digest": "0" * 64, "text": ""},
            "params": {},
            "mode": "run",
            "subject": "subject",
            "requester": requester or {"person": None, "proven": False, "via": "test"},
            "flow_run_id": None,
        }
        self.journal.append(tenant, [Event("run.created", payload, RUN, flow=FLOW)])
        self.tenant = tenant

    def ask(self, step: str, item: str | None = None, role: str = "approver", four_eyes: bool = False) -> None:
        payload = {
            "item": item,
            "digest": f"{step}-{item}".encode().hex(),
            "kind": "approval",
            "role": role,
            "four_eyes": four_eyes,
            "expires_at": rfc3339(self.time.at + timedelta(hours=4)),
            "reasons": [],
            "question": "May it?",
            "bound": {"arguments": {}},
            "changes": [],
        }
        self.journal.append(self.tenant, [Event("approval.requested", payload, RUN, step, flow=FLOW)])

    @property
    def state(self) -> RunState:
        return fold(self.journal.records(RUN))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [
            dict(record.data) | {"step": record.step} for record in self.journal.records(RUN) if record.event == name
        ]

    def prove(self, person: str) -> Any:
        return prove(self.journal, self.people, self.state, person, self.code(person))

    def answer(self, person: str, *steps: str, decision: Any = "approve", reason: str = "") -> Any:
        state = self.state
        gates = [gate for step in steps for gate in open_gates(state, step)]
        proof = prove(self.journal, self.people, state, person, self.code(person))
        return decide_all(self.journal, self.people, state, gates, proof, decision, reason)

    def verdict(self, step: str) -> str:
        state = self.state
        [gate] = [gate for gate in state.gates.values() if gate.step == step]
        return evaluate(as_request(state, gate), as_decisions(state, gate), self.people.records(), self.time.now())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "home")
    yield made
    made.journal.close()
    made.people.close()
    made.vault.close()


def test_one_code_answers_several_questions_of_a_run(desk: Desk) -> None:
    desk.begin()
    desk.ask("contain")
    desk.ask("recover")
    entries = desk.answer("ann", "contain", "recover", reason="spoke to the client")
    assert [entry.event for entry in entries] == ["approval.decided"] * 2
    assert desk.verdict("contain") == desk.verdict("recover") == "approved"
    [contain, recover] = desk.events("approval.decided")
    assert contain["by"] == "ann"
    assert contain["reason"] == "spoke to the client"
    assert contain["method"] == "totp"
    assert contain["step"] == "contain"
    assert recover["step"] == "recover"


def test_a_denial_denies(desk: Desk) -> None:
    desk.begin()
    desk.ask("contain")
    desk.answer("ann", "contain", decision="deny", reason="wrong account")
    assert desk.verdict("contain") == "denied"


def test_a_wrong_code_is_recorded_in_the_run_and_decides_nothing(desk: Desk) -> None:
    desk.begin()
    desk.ask("contain")
    wrong = "000000" if desk.code("ann") != "000000" else "000001"
    with pytest.raises(NotAuthenticated):
        prove(desk.journal, desk.people, desk.state, "ann", wrong)
    assert desk.events("approval.refused") == [{"person": "ann", "why": "not_authenticated", "step": None}]
    assert desk.events("approval.decided") == []
    assert desk.verdict("contain") == "pending"


def test_an_unknown_person_is_refused_in_the_same_words_and_recorded(desk: Desk) -> None:
    desk.begin()
    with pytest.raises(NotAuthenticated) as unknown:
        prove(desk.journal, desk.people, desk.state, "nobody", "123456")
    with pytest.raises(NotAuthenticated) as wrong:
        prove(desk.journal, desk.people, desk.state, "ann", "12345")
    assert unknown.value.message == wrong.value.message
    assert [event["person"] for event in desk.events("approval.refused")] == ["nobody", "ann"]


def test_a_used_code_does_not_serve_twice(desk: Desk) -> None:
    desk.begin()
    desk.ask("contain")
    desk.ask("recover")
    desk.answer("ann", "contain")
    with pytest.raises(NotAuthenticated):
        desk.answer("ann", "recover")
    assert desk.verdict("recover") == "pending"


def test_somebody_elses_tenant_is_out_of_scope(desk: Desk) -> None:
    desk.join("gil", ["approver"], "globex", by="ann")
    desk.begin()
    desk.ask("contain")
    with pytest.raises(OutOfScope):
        desk.answer("gil", "contain")
    assert desk.verdict("contain") == "pending"
    assert [event["why"] for event in desk.events("approval.refused")] == ["out_of_scope"]


def test_the_wrong_role_is_refused_and_recorded_with_the_question(desk: Desk) -> None:
    desk.join("eve", ["engineer"], "acme")
    desk.begin()
    desk.ask("contain")
    with pytest.raises(OutOfScope):
        desk.answer("eve", "contain")
    [refused] = desk.events("approval.refused")
    assert refused["step"] == "contain"
    assert refused["why"] == "out_of_scope"
    assert desk.events("approval.decided") == []


def test_the_proven_requester_cannot_answer_under_four_eyes(desk: Desk) -> None:
    desk.begin(requester={"person": "ann", "proven": True, "via": "test"})
    desk.ask("contain", four_eyes=True)
    with pytest.raises(Refused):
        desk.answer("ann", "contain")
    assert desk.verdict("contain") == "pending"


def test_an_unproven_request_under_four_eyes_takes_two_people(desk: Desk) -> None:
    desk.join("bob", ["approver"], "acme", by="ann")
    desk.begin()
    desk.ask("contain", four_eyes=True)
    desk.answer("ann", "contain")
    assert desk.verdict("contain") == "pending"
    desk.time.step()
    with pytest.raises(Conflict):
        desk.answer("ann", "contain")
    desk.answer("bob", "contain")
    assert desk.verdict("contain") == "approved"


def test_who_was_enrolled_after_the_run_began_cannot_answer(desk: Desk) -> None:
    desk.begin()
    desk.ask("contain")
    desk.join("bob", ["approver"], "acme", by="ann")
    with pytest.raises(Refused):
        desk.answer("bob", "contain")
    assert desk.verdict("contain") == "pending"


def test_an_expired_question_is_not_answered(desk: Desk) -> None:
    desk.begin()
    desk.ask("contain")
    desk.time.at += timedelta(hours=5)
    with pytest.raises(ApprovalExpired):
        desk.answer("ann", "contain")
    assert desk.events("approval.decided") == []


def test_all_or_none(desk: Desk) -> None:
    """One question that this person may not answer keeps the others unanswered too."""
    desk.begin()
    desk.ask("contain")
    desk.ask("confirm", role="lead")
    with pytest.raises(OutOfScope):
        desk.answer("ann", "contain", "confirm")
    assert desk.events("approval.decided") == []


def test_a_proof_for_another_run_or_a_stale_one_counts_for_nothing(desk: Desk) -> None:
    desk.begin()
    desk.ask("contain")
    [gate] = open_gates(desk.state, "contain")
    other = desk.people.authenticate("ann", desk.code("ann"), purpose=approval_purpose("another"))
    with pytest.raises(Refused):
        decide(desk.journal, desk.people, desk.state, gate, other, "approve")
    desk.time.step()
    mine = desk.prove("ann")
    desk.time.at += timedelta(minutes=6)
    with pytest.raises(Refused):
        decide(desk.journal, desk.people, desk.state, gate, mine, "approve")
    assert desk.verdict("contain") == "pending"


def test_who_is_disabled_between_proof_and_answer_does_not_count(desk: Desk) -> None:
    desk.join("bob", ["approver"], "acme", by="ann")
    desk.begin()
    desk.ask("contain")
    proof = desk.prove("bob")
    by = desk.people.authenticate("ann", desk.code("ann"), purpose=act_purpose("disable", "bob"))
    desk.people.disable("bob", by=by)
    [gate] = open_gates(desk.state, "contain")
    with pytest.raises(NotAuthenticated):
        decide(desk.journal, desk.people, desk.state, gate, proof, "approve")


def test_an_answered_question_is_not_answered_again(desk: Desk) -> None:
    desk.begin()
    desk.ask("contain")
    [gate] = open_gates(desk.state, "contain")
    payload = {"item": None, "digest": gate.digest, "why": "approved"}
    desk.journal.append("acme", [Event("approval.closed", payload, RUN, "contain", flow=FLOW)])
    with pytest.raises(NotFound):
        open_gates(desk.state, "contain")
    proof = desk.prove("ann")
    gate.closed = "approved"
    with pytest.raises(Conflict):
        decide(desk.journal, desk.people, desk.state, gate, proof, "approve")


def test_a_reason_has_its_limit(desk: Desk) -> None:
    desk.begin()
    desk.ask("contain")
    with pytest.raises(InvalidInput):
        desk.answer("ann", "contain", reason="x" * 2_001)
    assert desk.events("approval.decided") == []


class TestOpenGates:
    """Which questions are meant."""

    def test_a_step_with_one_question(self, desk: Desk) -> None:
        desk.begin()
        desk.ask("contain", "user-1")
        assert [gate.item for gate in open_gates(desk.state, "contain")] == ["user-1"]

    def test_several_items_must_be_named(self, desk: Desk) -> None:
        desk.begin()
        desk.ask("contain", "user-1")
        desk.ask("contain", "user-2")
        with pytest.raises(InvalidInput, match="user-1, user-2") as error:
            open_gates(desk.state, "contain")
        assert "--item" in error.value.remedy
        assert [gate.item for gate in open_gates(desk.state, "contain", ["user-2"])] == ["user-2"]
        assert [gate.item for gate in open_gates(desk.state, "contain", None)] == ["user-1", "user-2"]

    def test_an_item_that_is_not_asked_about(self, desk: Desk) -> None:
        desk.begin()
        desk.ask("contain", "user-1")
        with pytest.raises(NotFound, match="user-9"):
            open_gates(desk.state, "contain", ["user-9"])

    def test_a_step_that_asks_nothing_names_those_that_do(self, desk: Desk) -> None:
        desk.begin()
        desk.ask("contain")
        with pytest.raises(NotFound) as error:
            open_gates(desk.state, "recover")
        assert "contain" in error.value.remedy

    def test_an_ended_run_asks_nothing(self, desk: Desk) -> None:
        desk.begin()
        desk.ask("contain")
        desk.journal.append("acme", [Event("run.ended", {"status": "cancelled"}, RUN, outcome="cancelled", flow=FLOW)])
        with pytest.raises(InvalidInput, match="ended"):
            open_gates(desk.state, "contain")


def test_no_code_is_recorded_anywhere(desk: Desk, tmp_path: Path) -> None:
    desk.begin()
    desk.ask("contain")
    code = desk.code("ann")
    desk.answer("ann", "contain")
    texts = [str(record.data) for tenant in ("acme", MSP) for record in desk.journal.tail(tenant)]
    assert not [text for text in texts if code in text]
