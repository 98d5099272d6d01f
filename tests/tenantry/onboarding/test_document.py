"""What a client is told: nothing that was not seen is called well, and everything open has somebody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.onboarding.document import document
from tests.tenantry.onboarding.made import (
    COUNTS,
    INCIDENT,
    breached,
    finding,
    half,
    kind,
    policy,
    risk,
    sources,
    step,
    system,
)

CLEAN = "No sign of an intruder found"
NOT_ALL = "Not everything could be looked at"


def badges(**given: Any) -> list[str]:
    return [one["text"] for one in document(sources(**given))["badges"]]


def test_a_clean_client() -> None:
    made = document(sources())
    assert [one["text"] for one in made["badges"]] == [CLEAN]
    assert made["gaps"] == []
    assert "found none" in made["told"][0]
    assert made["waits"] == []
    assert made["next"] == ["Nothing is left open by this onboarding. The service that was agreed goes on."]
    assert made["agreement"]["team"][0] == {"role": "technical_lead", "who": "sam.eng (we)", "deputy": "kim.eng"}
    assert made["agreement"]["team"][1]["who"] == "Jo Doe (you)"
    assert "Step onboarding.report" not in [one["title"] for one in made["steps"]]


def test_a_breached_client() -> None:
    made = document(breached())
    assert made["badges"][0] == {"look": "bad", "text": "1 incident opened"}
    assert "signs that somebody else is inside" in made["told"][0]
    assert "1 kind of critical findings beside them" in made["told"][0]
    assert made["next"][0].endswith("run inc-7).")
    assert "that no incident is open for" in made["next"][1]
    waits = [(one["who"], one["what"]) for one in made["waits"]]
    assert ("us", "Carry on the incident about anna, run inc-7") in waits
    assert ("us", "Critical, and no incident yet: Title of other (audit log)") in waits
    assert ("Jo Doe (you) and us", "How is backups?") in waits
    assert ("sam.eng (we)", "Decide what is done about 1 risk") in waits
    assert ("Jo Doe (you)", "Decide what is done about 1 risk") in waits
    assert ("you and us", "The agreement does not say: agreement.sla") in waits
    assert [one["title"] for one in made["findings"]] == ["Title of other", "Title of rule", "Title of low"]


def test_a_client_of_whom_half_could_not_be_seen() -> None:
    made = document(half())
    texts = [one["text"] for one in made["badges"]]
    assert CLEAN not in texts
    assert NOT_ALL in texts
    assert "The rest is not known." in made["told"][0]
    assert not any("Nothing is left open" in line for line in made["next"])
    assert any("no working access to Microsoft 365" in line for line in made["gaps"])
    assert any("user accounts" in line for line in made["gaps"])
    assert ("us", "Step cloud.x: It is away.") in [(one["who"], one["what"]) for one in made["waits"]]
    assert made["systems"][1]["why"] == "Graph: no secret for acme"


@pytest.mark.parametrize(
    "given",
    [
        {"swept": "failed"},
        {"swept": "not_run"},
        {"looked_at": 0},
        {"could_not": ("one host was away",)},
        {"systems": (system(works=False, why="away"),)},
    ],
)
def test_no_sign_found_is_only_said_of_what_was_looked_at(given: Any) -> None:
    assert CLEAN not in badges(**given)
    assert NOT_ALL in badges(**given)
    assert "found none" not in document(sources(**given))["told"][0]


@pytest.mark.parametrize(
    "given",
    [
        {"kinds": (kind("partly"),)},
        {"kinds": (kind("not_looked"),)},
        {"policies": (policy("mfa", "unknown"),)},
        {"policies": None},
    ],
)
def test_what_else_was_not_looked_at_stands_on_the_first_page(given: Any) -> None:
    assert NOT_ALL in badges(**given)


def test_a_check_that_had_nothing_to_look_at_found_nothing_out() -> None:
    assert document(sources())["sweep"]["checks"] == {"pass": 1, "nothing": 1}
    nothing = document(sources(looked_at=0))
    assert nothing["sweep"]["saw"] is False
    assert "not known" in nothing["told"][0]


def test_what_is_not_connected_is_no_gap() -> None:
    assert badges(kinds=(kind("nothing_connected", 0),)) == [CLEAN]


@pytest.mark.parametrize(
    ("severity", "badge"), [("critical", "Critical findings"), ("high", "1 finding to settle"), ("low", CLEAN)]
)
def test_findings_without_an_incident(severity: str, badge: str) -> None:
    assert badges(findings=(finding("rule", severity, "anna"),))[0] == badge


def test_who_is_asked_by_the_run_and_until_when() -> None:
    question = {"step": "ok", "role": "lead", "question": "Does it go on?", "expires_at": "2026-11-29T12:00:00.000000Z"}
    [one] = document(sources(waiting=(question, {**question, "step": "onboarding_report"})))["waits"]
    assert one == {"who": "us (lead)", "what": "Does it go on?", "until": question["expires_at"]}


def test_an_agreement_that_says_nothing_breaks_nothing() -> None:
    made = document(sources(subject={}))
    assert made["client"] == "acme"
    assert made["agreement"]["in"] == []
    assert made["agreement"]["insurer"] is None


def test_a_drill_says_so() -> None:
    assert document(sources(mode="drill"))["mode"] == "drill"


_STATUS = st.sampled_from(("fail", "unknown", "for_person", "pass", "not_applicable"))


@settings(max_examples=60, deadline=None)
@given(
    statuses=st.lists(_STATUS, max_size=6),
    severities=st.lists(st.sampled_from(("info", "low", "medium", "high", "critical")), max_size=4),
    works=st.lists(st.sampled_from((True, False, None)), max_size=3),
    states=st.lists(st.sampled_from(("looked", "partly", "not_looked", "nothing_connected")), max_size=4),
    swept=st.sampled_from(("done", "failed", "not_run")),
    incident=st.booleans(),
    undecided=st.integers(0, 3),
)
def test_whatever_was_found(
    statuses: Any, severities: Any, works: Any, states: Any, swept: str, incident: bool, undecided: int
) -> None:
    seen = swept == "done"
    made = document(
        sources(
            swept=swept,
            findings=tuple(finding(f"r{n}", severity, "x") for n, severity in enumerate(severities)) if seen else (),
            policies=tuple(policy(f"p{n}", status) for n, status in enumerate(statuses)),
            systems=tuple(system(f"s{n}", one) for n, one in enumerate(works)),
            kinds=tuple(kind(state) for state in states),
            incidents=(INCIDENT,) if incident else (),
            risks=tuple(risk(str(n)) for n in range(undecided)),
            counts=COUNTS,
        )
    )
    texts = [one["text"] for one in made["badges"]]
    serious = {"medium", "high", "critical"} & set(severities)
    whole = seen and False not in works and "unknown" not in statuses and not {"partly", "not_looked"} & set(states)
    if CLEAN in texts:
        assert seen
        assert False not in works
        assert not incident
        assert not serious
    assert (NOT_ALL in texts) == (not whole)
    if any("Nothing is left open" in line for line in made["next"]):
        assert whole
        assert not made["waits"]
    asked = [one for one in made["waits"] if one["what"].startswith("How is")]
    assert len(asked) == statuses.count("for_person")
    assert all(one["who"] and one["what"] for one in made["waits"])


def test_a_step_that_failed_is_told_with_what_went_wrong() -> None:
    broken = step("x.y", None, "unknown", error={"message": "Lost.", "remedy": "Look."})
    made = document(sources(steps=(broken,)))
    assert made["steps"][-1]["error"] == "Lost. Look."
