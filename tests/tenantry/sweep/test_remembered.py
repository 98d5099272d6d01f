"""What is remembered between sweeps: silence ends with anything new, and what was not looked at is not gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tenantry.clock import rfc3339
from tenantry.sweep.collect import Collector
from tenantry.sweep.marks import MOST, TOO_MANY, mark, mark_of, of_event, of_statistic
from tenantry.sweep.model import Finding, Sweep
from tenantry.sweep.remembered import ACCEPTED, WITHDRAWN, Acceptance, acceptances, document

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AGO = (NOW - timedelta(days=30)).timestamp()


def finding(rule: str = "checks.mail.x", entity: str = "anna@acme.example", summary: str = "s", **more: Any) -> Finding:
    made = Finding(rule, "Title", "high", ("T1114",), {"type": "account", "id": entity}, "Look.")
    made.evidence = {"summary": summary}
    made.first_seen = made.last_seen = NOW.timestamp()
    for name, value in more.items():
        setattr(made, name, value)
    mark(made, mark_of(made))
    return made


def accepted(one: Finding, **more: Any) -> Acceptance:
    made = Acceptance(
        finding=one.id,
        rule=one.rule,
        title=one.title,
        entity=one.entity,
        severity=one.severity,
        marks=tuple(one.marks),
        by="sam",
        reason="agreed",
        at=rfc3339(NOW),
        until=rfc3339(NOW + timedelta(days=30)),
    )
    return replace(made, **more)


def sweep(*findings: Finding, **statuses: str) -> Sweep:
    made = Sweep("tenant", findings=list(findings))
    made.tenant, made.window = "acme", (AGO, NOW.timestamp())
    made.checks = [
        {"check": f"checks.mail.{name}", "title": name, "status": status, "looked_at": 1}
        for name, status in (statuses or {"x": "fail"}).items()
    ]
    return made


def after(earlier: dict[str, Any] | None, now: Sweep, run: str = "run-2") -> dict[str, Any]:
    return document(now, run, earlier, NOW)


# --- silence ----------------------------------------------------------------------------------------------------------


def test_the_same_is_silent_and_so_is_a_part_of_it() -> None:
    both = finding(summary="one")
    mark(both, mark_of(finding(summary="two")))
    held = accepted(both)
    assert held.covers(both, NOW)
    assert held.covers(finding(summary="one"), NOW)
    assert held.covers(finding(entity="ANNA@acme.example", summary="two"), NOW)


def test_it_speaks_again() -> None:
    held = accepted(finding(summary="one"))
    assert not held.covers(finding(summary="two"), NOW)
    assert not held.covers(finding(summary="one", severity="critical"), NOW)
    assert not held.covers(finding(summary="one", entity="bob@acme.example"), NOW)
    assert not held.covers(finding(summary="one"), NOW + timedelta(days=31))


def test_more_than_anybody_has_seen_is_never_silent() -> None:
    many = finding()
    mark(many, *(f"m{number}" for number in range(MOST + 5)))
    assert TOO_MANY in many.marks
    assert not accepted(many).covers(many, NOW)


def test_the_newest_word_counts() -> None:
    one = finding()
    said = [(ACCEPTED, accepted(one).as_dict()), (ACCEPTED, accepted(one, by="ann").as_dict())]
    assert acceptances(said)[one.id].by == "ann"
    assert acceptances([*said, (WITHDRAWN, {"finding": one.id})]) == {}
    assert acceptances(said)[one.id].covers(one, NOW)


def test_what_grows_by_itself_is_nothing_new() -> None:
    one, more = finding(), finding()
    one.evidence["compared"], more.evidence["compared"] = {"age_days": 3, "rule": "r"}, {"age_days": 4, "rule": "r"}
    assert mark_of(one) == mark_of(more)
    more.evidence["compared"]["rule"] = "other"
    assert mark_of(one) != mark_of(more)


def test_the_same_event_again_is_nothing_new_and_another_address_is() -> None:
    seen = {"actor": "anna", "ip": "192.0.2.1", "client": "Browser 1"}
    assert of_event("Sign-in", seen) == of_event("Sign-in", seen | {"client": "Browser 2"})
    assert of_event("Sign-in", seen) != of_event("Sign-in", seen | {"ip": "192.0.2.2"})


def test_a_statistic_is_about_whence_and_what_not_about_how_much() -> None:
    one = finding("password_guessing")
    one.evidence = {"summary": "120 failures.", "compared": {"addresses": ["192.0.2.1"]}}
    more = finding("password_guessing")
    more.evidence = {"summary": "500 failures.", "compared": {"addresses": ["192.0.2.1", "192.0.2.2"]}}
    assert of_statistic(one) < of_statistic(more)
    amount = finding("m365_mass_download")
    amount.evidence = {"compared": {"in_the_hour": 900}}
    tomorrow = finding("m365_mass_download", last_seen=NOW.timestamp() + 86_400)
    assert of_statistic(amount) != of_statistic(tomorrow)


def test_what_is_merged_is_marked_by_each_of_its_parts() -> None:
    held = Collector()
    for summary in ("one", "two", "three", "four", "five", "six", "seven"):
        held.merge(finding(summary=summary))
    [only] = held.findings()
    assert len(only.marks) == 7


# --- since the sweep before -------------------------------------------------------------------------------------------


def test_new_changed_and_gone() -> None:
    first = after(None, sweep(finding(summary="a"), finding(entity="bob@acme.example")), "run-1")
    assert len(first["since_last"]["new"]) == 2
    second = after(first, sweep(finding(summary="b"), finding(entity="cara@acme.example")))
    since = second["since_last"]
    assert since["run_id"] == "run-1"
    assert since["new"] == [finding(entity="cara@acme.example").id]
    assert since["changed"] == [finding().id]
    assert [(one["entity"]["id"], one["why"]) for one in since["gone"]] == [
        ("bob@acme.example", "it is not so any more")
    ]


def test_what_could_not_be_looked_at_is_not_gone() -> None:
    first = after(None, sweep(finding()), "run-1")
    unable = sweep(x="unknown")
    unable.could_not_check = [{"check": "checks.mail.x", "why": "no permission"}]
    half = sweep(finding(entity="bob@acme.example"), x="fail")
    half.could_not_check = [{"check": "checks.mail.x", "why": "one mailbox did not answer"}]
    for now in (unable, half, sweep(x="not_applicable"), sweep(y="pass")):
        since = after(first, now)["since_last"]
        assert since["gone"] == []
        assert [one["id"] for one in since["not_looked_at"]] == [finding().id]


def test_a_finding_of_a_log_that_was_not_read_is_not_gone() -> None:
    first = after(None, sweep(finding("impossible_travel", source="entra-signin")), "run-1")
    for logs, gone in (({}, 0), ({"entra-signin": False}, 0), ({"entra-signin": True}, 1)):
        now = sweep(x="pass")
        now.logs = dict(logs)
        since = after(first, now)["since_last"]
        assert (len(since["gone"]), len(since["not_looked_at"])) == (gone, 1 - gone)


def test_it_stays_the_same_one_until_a_sweep_sees_it_gone() -> None:
    def episode(of: dict[str, Any]) -> str:
        return str(of["findings"][0]["episode"])

    first = after(None, sweep(finding()), "run-1")
    changed = after(first, sweep(finding(summary="other")), "run-2")
    unable = after(changed, sweep(y="pass"), "run-3")
    back = after(unable, sweep(finding()), "run-4")
    assert [episode(one) for one in (first, changed, back)] == ["run-1"] * 3
    assert back["since_last"]["new"] == []
    gone = after(back, sweep(x="pass"), "run-5")
    assert episode(after(gone, sweep(finding()), "run-6")) == "run-6"


def test_what_somebody_accepted_meanwhile_is_not_gone_and_speaks_as_changed() -> None:
    first = after(None, sweep(finding()), "run-1")
    hushed = sweep(x="accepted")
    hushed.accepted = [(finding(), accepted(finding()).shown())]
    second = after(first, hushed)
    assert second["since_last"]["gone"] == []
    assert second["accepted"][0]["accepted"]["by"] == "sam"
    third = after(second, sweep(finding()), "run-3")
    assert third["since_last"]["changed"] == [finding().id]
