from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from tasks.incident._acts import artifact_event, sign_in_events, victim_events
from tasks.incident._judge import Suspect
from tasks.incident._traces import Trace
from tasks.incident.attribute_artifacts import RuleArtifact
from tasks.incident.find_other_victims import Victim

AT = datetime(2026, 11, 19, 1, 9, 4, tzinfo=UTC)


def suspect(verdict: Literal["attacker", "uncertain"], **more: object) -> Suspect:
    facts = {
        "account_id": "b7d4",
        "upn": "anna@acme.example",
        "ip": "185.220.101.34",
        "country": "RO",
        "client": "Browser: Chrome",
        "verdict": verdict,
        "reasons": ["first sign-in ever from RO"],
        "first_at": AT,
        "last_at": AT + timedelta(hours=2),
        "successes": 3,
        "sign_in_ids": ["s1", "s2"],
    }
    return Suspect.model_validate(facts | more)


@pytest.mark.parametrize(("verdict", "certainty"), [("attacker", "attributed"), ("uncertain", "uncertain")])
def test_a_suspect_is_its_first_sign_in(verdict: Literal["attacker", "uncertain"], certainty: str) -> None:
    (event,) = sign_in_events([suspect(verdict)])

    assert (event.at, event.source_id, event.certainty, event.target) == (AT, "s1", certainty, "anna@acme.example")
    assert "185.220.101.34 (RO)" in event.title
    assert "first sign-in ever from RO" in event.detail
    assert event.techniques == ("T1078.004",)


def test_the_first_account_is_not_told_twice() -> None:
    def victim(primary: bool, first: datetime | None) -> Victim:
        return Victim(
            id="c9",
            upn="len@acme.example",
            display_name="Len",
            synced=False,
            primary=primary,
            why=["signed in from the attacker's address"],
            first_attacker_activity=first,
            sign_in_ids=["s9"],
        )

    events = victim_events([victim(True, AT), victim(False, AT), victim(False, None)])

    assert [(event.at, event.source_id, event.certainty) for event in events] == [(AT, "s9", "attributed")]


def rule(*evidence: str) -> RuleArtifact:
    return RuleArtifact(
        id="b7d4/rule/1",
        account="b7d4",
        upn="anna@acme.example",
        object_id="1",
        label="rule '.'",
        reason="because",
        evidence_ids=list(evidence),
    )


def test_a_thing_is_dated_by_the_log_entry_that_tells() -> None:
    traces = [
        Trace("early", AT - timedelta(days=9), "10.0.0.1", "anna", "Set-InboxRule", log="audit log"),
        Trace("later", AT + timedelta(hours=1), "185.220.101.34", "anna", "Set-InboxRule", log="audit log"),
        Trace("told", AT, "185.220.101.34", "anna", "New-InboxRule", log="audit log"),
    ]

    event = artifact_event(rule("told", "later"), "attacker", traces, AT - timedelta(days=1))

    assert event is not None
    assert (event.at, event.source, event.source_id, event.certainty) == (AT, "audit log", "told", "attributed")
    assert event.kind == "rule"


def test_without_a_log_entry_by_its_own_date_and_without_that_not_at_all() -> None:
    event = artifact_event(rule(), "for_person", [], AT)

    assert event is not None
    assert (event.at, event.source_id, event.certainty) == (AT, "1", "uncertain")
    assert artifact_event(rule(), "for_person", [], None) is None
