from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.incident._attribute import Found, Setting, attribute
from tasks.incident._traces import Trace
from tests.support.fakes import NOW

EVIL, OWN, STRANGE = "203.0.113.66", "192.0.2.10", "198.51.100.5"
START = NOW - timedelta(days=2)


def setting(**changes) -> Setting:
    facts = {
        "attacker_ips": frozenset({EVIL}),
        "own_ips": frozenset({OWN}),
        "window_start": START,
        "logs_from": NOW - timedelta(days=30),
        "logs_complete": True,
    }
    return Setting(**{**facts, **changes})


def trace(ip: str, at: datetime = START + timedelta(hours=1), *, creates: bool = True, id: str = "t") -> Trace:
    return Trace(id, at, ip, "alice@acme.example", "New-InboxRule", creates)


def decide(*traces: Trace, where: Setting | None = None, **facts):
    return attribute(Found(traces=traces, **facts), where or setting())


def test_made_from_the_attackers_address():
    decision = decide(trace(EVIL, id="proof"))
    assert (decision.bucket, decision.confidence, decision.evidence_ids) == ("attacker", "high", ("proof",))


def test_made_from_the_persons_own_address_in_the_window_stays():
    assert decide(trace(OWN), traits=["deletes mail"]).bucket == "kept"


@pytest.mark.parametrize("traits", [[], ["sends mail outside"]])
def test_older_than_the_compromise_is_never_the_attackers(traits):
    decision = decide(created_at=START - timedelta(days=90), traits=traits)
    assert decision.bucket == ("for_person" if traits else "kept")


def test_older_but_changed_by_the_attacker_is_for_a_person():
    decision = decide(trace(EVIL, creates=False), created_at=START - timedelta(days=90))
    assert decision.bucket == "for_person"


def test_set_by_the_person_again_after_the_attacker_is_for_a_person():
    decision = decide(trace(EVIL, START + timedelta(hours=1)), trace(OWN, START + timedelta(hours=2), id="u"))
    assert decision.bucket == "for_person"


def test_what_persons_are_tricked_into_is_for_a_person():
    assert decide(trace(OWN), traits=["unverified"], tricked=True).bucket == "for_person"


@pytest.mark.parametrize(("traits", "bucket"), [(["deletes mail"], "attacker"), ([], "for_person")])
def test_made_in_the_window_from_a_strange_address(traits, bucket):
    decision = decide(trace(STRANGE), traits=traits)
    assert decision.bucket == bucket
    assert decision.confidence == ("medium" if traits else None)


def test_no_log_tells_of_it_although_they_were_read_in_full():
    assert decide().bucket == "kept"
    assert decide(traits=["sends mail outside"]).bucket == "for_person"


def test_no_log_tells_of_it_and_they_were_not_read_in_full():
    assert decide(where=setting(logs_complete=False)).bucket == "for_person"


def test_what_no_ordinary_client_makes():
    decision = decide(traits=["hidden", "sends mail outside"], never_ordinary=True)
    assert (decision.bucket, decision.confidence) == ("attacker", "medium")


class TestWithoutAKnownWindow:
    where = setting(window_start=None)

    def test_an_address_of_the_attacker_still_decides(self):
        assert decide(trace(EVIL), where=self.where).bucket == "attacker"

    def test_time_alone_never_makes_an_attacker(self):
        assert decide(trace(STRANGE), traits=["deletes mail"], where=self.where).bucket == "for_person"
        assert decide(traits=["hidden"], never_ordinary=True, where=self.where).bucket == "for_person"

    def test_older_than_the_logs_stays(self):
        assert decide(created_at=NOW - timedelta(days=300), where=self.where).bucket == "kept"


offsets = st.integers(-40 * 24 * 60, 2 * 24 * 60)
traces = st.lists(
    st.builds(
        lambda ip, minutes, creates, n: trace(ip, START + timedelta(minutes=minutes), creates=creates, id=f"t{n}"),
        st.sampled_from([EVIL, OWN, STRANGE, ""]),
        offsets,
        st.booleans(),
        st.integers(0, 99),
    ),
    max_size=4,
)
settings_ = st.builds(
    lambda window, complete: setting(window_start=START if window else None, logs_complete=complete),
    st.booleans(),
    st.booleans(),
)
founds = st.builds(
    Found,
    traces=traces,
    created_at=st.none() | offsets.map(lambda minutes: START + timedelta(minutes=minutes)),
    traits=st.lists(st.sampled_from(["hidden", "sends mail outside"]), max_size=2, unique=True),
    tricked=st.booleans(),
    never_ordinary=st.booleans(),
)


@given(founds, settings_)
def test_created_before_the_window_is_never_attributed(found, where):
    if found.created_at is not None and where.window_start is not None and found.created_at < where.window_start:
        assert attribute(found, where).bucket != "attacker"


@given(founds, settings_)
def test_a_trace_of_the_person_alone_is_never_the_attackers(found, where):
    if found.traces and all(t.ip == OWN for t in found.traces):
        assert attribute(found, where).bucket != "attacker"


@given(founds, settings_)
def test_every_decision_has_a_reason_and_high_confidence_a_proof(found, where):
    decision = attribute(found, where)
    assert decision.reason
    assert (decision.confidence is not None) == (decision.bucket == "attacker")
    if decision.confidence == "high":
        assert decision.evidence_ids
        proofs = {t.id for t in found.traces if t.ip == EVIL}
        assert set(decision.evidence_ids) <= proofs


@given(founds)
def test_without_window_and_without_address_nobody_is_accused(found):
    where = setting(window_start=None, attacker_ips=frozenset())
    assert attribute(found, where).bucket != "attacker"


@given(founds, settings_)
def test_the_order_of_the_log_does_not_matter(found, where):
    turned = Found(
        traces=list(reversed(found.traces)),
        created_at=found.created_at,
        traits=found.traits,
        tricked=found.tricked,
        never_ordinary=found.never_ordinary,
    )
    assert attribute(found, where).bucket == attribute(turned, where).bucket
