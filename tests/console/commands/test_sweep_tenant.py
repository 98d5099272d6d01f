"""`tenantry sweep tenant` on the lab: what it prints, records, remembers, and that nothing of it is said twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console import labtenant
from console.labtenant import ENGINEER
from integrations.lab import LabServer
from tests.console.desk import TENANT, Desk, carry, desk

__all__ = ["desk"]

LATER = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()


@pytest.fixture
def home(desk: Desk) -> Iterator[Desk]:
    lab = labtenant.lab_for(TENANT, users=20)
    with LabServer(lab) as server:
        desk.register(server.base_url, lab)
        desk.lab = lab
        yield desk


def rule(document: dict[str, Any]) -> dict[str, Any]:
    [found] = [one for one in document["findings"] if one["rule"] == "checks.mail.rule_forwards_outside"]
    return dict(found)


def change(home: Desk, text: str) -> None:
    """The tenant's file with that at its end."""
    path = home.home / "tenants" / f"{TENANT}.yaml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def incident(home: Desk) -> list[str]:
    with home.opened() as installation:
        return [one.run_id for one in installation.journal.runs() if one.runbook == "business_email_compromise"]


def test_findings_are_told_recorded_and_compared_with_the_sweep_before(home: Desk) -> None:
    first = home.json("sweep", "tenant", TENANT, code=1)
    assert first["tenant"] == TENANT
    assert {"entities", "could_not_check", "rules_not_evaluated", "events_read"} <= first.keys()
    assert {one["status"] for one in first["checks"]} <= {"fail", "pass", "unknown", "not_applicable"}
    assert rule(first)["id"] in first["since_last"]["new"]
    run = home.json("runs", "show", first["run_id"])
    assert (run["runbook"], run["status"]) == ("compromise_sweep", "completed")
    assert home.lab is not None
    chats = [one for one in home.lab.sink.messages if one["channel"] == "chat"]
    assert len(chats) == 1  # a critical finding raises an alert
    assert rule(first)["entity"]["id"] in chats[0]["text"]
    assert [one for one in home.lab.audit if one["service"] != "sink"] == []

    second = home.json("sweep", "tenant", TENANT, "--since-last")
    assert second["since_last"]["run_id"] == first["run_id"]
    assert [second["since_last"][key] for key in ("new", "changed", "gone", "not_looked_at")] == [[], [], [], []]
    assert len(home.lab.sink.messages) == 1
    assert home.json("journal", "verify")["ok"]


def test_what_is_accepted_is_silent_until_anything_about_it_is_new(home: Desk) -> None:
    finding = rule(home.json("sweep", "tenant", TENANT, code=1))
    said = ("--reason", "agreed with the owner", "--until", LATER)
    accepted = home.json("sweep", "accept", TENANT, finding["id"][:8], *said)
    assert (accepted["finding"], accepted["reason"]) == (finding["id"], "agreed with the owner")
    [listed] = home.json("sweep", "accepted", TENANT)
    assert listed["in_force"] is True
    assert finding["entity"]["id"].encode() not in (home.home / "journal.db").read_bytes()

    quiet = home.json("sweep", "tenant", TENANT, code=1)
    assert finding["id"] not in {one["id"] for one in quiet["findings"]}
    [silent] = quiet["accepted"]
    assert silent["accepted"]["reason"] == "agreed with the owner"
    assert finding["id"] not in {one["id"] for one in quiet["since_last"]["gone"]}
    assert {"checks.mail.rule_forwards_outside": "accepted"}.items() <= {
        one["check"]: one["status"] for one in quiet["checks"]
    }.items()

    assert home.lab is not None
    for box in home.lab.tenant._mailboxes.values():
        for one in box.rules.listed(0.0):  # the attacker changes where to
            if one.props["forward_to"]:
                one.props["forward_to"] = ["other@elsewhere.example"]
    loud = home.json("sweep", "tenant", TENANT, "--since-last", code=1)
    assert finding["id"] in loud["since_last"]["changed"]
    home.json("sweep", "withdraw", TENANT, finding["id"])
    assert home.json("sweep", "accepted", TENANT) == []


def test_a_critical_finding_opens_one_incident_run_that_asks_before_it_acts(
    home: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.json("sweep", "tenant", TENANT, code=1)
    assert incident(home) == []  # not unless the client's file says so
    change(home, "sweep: {open_incidents: true}\n")
    swept = home.json("sweep", "tenant", TENANT, code=1)
    [opened] = incident(home)
    run = home.json("runs", "show", opened)
    assert run["requested_by"]["via"] == "sweep"
    assert run["requested_by"]["run"] == swept["run_id"]
    assert rule(swept)["id"] in run["requested_by"]["findings"]
    [step] = [one for one in home.json("runs", "show", swept["run_id"])["steps"] if one["id"] == "open"]
    assert [change["path"] for change in step["changes"]] == [f"run/{opened}/opened"]

    home.json("sweep", "tenant", TENANT, code=1)
    assert incident(home) == [opened]

    assert home.lab is not None
    before = len(home.lab.audit)
    monkeypatch.setattr("flows.launch.resume", carry)
    waits = home.json("resume", opened, code=3)
    assert "run.start" in {one["step"] for one in waits["waiting_for"]}
    assert [one for one in home.lab.audit[before:] if one["service"] != "sink"] == []


def test_whoever_answers_for_a_finding_proves_who_they_are(home: Desk) -> None:
    finding = rule(home.json("sweep", "tenant", TENANT, code=1))
    (home.home / "estate.yaml").write_text("name: Our MSP\n", encoding="utf-8")
    asked = ("sweep", "accept", TENANT, finding["id"], "--reason", "agreed", "--until", LATER)
    home.refused(*asked, code=5)
    home.refused(*asked, "--as", ENGINEER, code=5, given=home.wrong_code(ENGINEER))
    accepted = home.json(*asked, "--as", ENGINEER, given=home.code(ENGINEER))
    assert accepted["by"] == ENGINEER


def test_a_sweep_that_was_interrupted_is_carried_on(home: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> dict[str, object]:
        signal.raise_signal(signal.SIGINT)
        return {}

    before_it = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    try:
        with monkeypatch.context() as once:
            once.setattr("flows.sweeping.document", killed)
            assert home("sweep", "tenant", TENANT).exit_code == 130
    finally:
        signal.signal(signal.SIGINT, before_it)
    [run] = home.runs()
    assert home.json("runs", "show", run)["status"] == "interrupted"
    monkeypatch.setattr("flows.launch.resume", carry)
    resumed = home.json("resume", run)
    assert resumed["status"] == "completed"
    before = home.json("sweep", "tenant", TENANT, code=1)["since_last"]
    assert (before["run_id"], before["new"]) == (run, [])


def test_a_plan_says_what_it_would_tell_and_open(home: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.launch.resume", carry)
    change(home, "sweep: {open_incidents: true}\n")
    planned = home.json("run", "compromise_sweep", "--tenant", TENANT, "--mode", "plan")
    assert {step["id"]: step["outcome"] for step in planned["steps"]} == {
        "sweep": "observed",
        "alert": "would_change",
        "open": "would_change",
    }
    assert incident(home) == []
    assert home.lab is not None
    assert home.lab.sink.messages == []
    assert home.json("sweep", "tenant", TENANT, code=1)["since_last"]["run_id"] is None  # a plan is no sweep


def test_an_agreement_that_nothing_runs_unattended_is_kept(home: Desk) -> None:
    change(home, "sweep: {open_incidents: true}\npolicy: {unattended_impact: none}\n")
    home.json("sweep", "tenant", TENANT, code=1)
    assert incident(home) == []


def test_a_tenant_of_which_nothing_could_be_checked_is_not_clean(home: Desk) -> None:
    path = home.home / "tenants" / f"{TENANT}.yaml"
    path.write_text(f"name: {TENANT}\ndisplay_name: Acme\n", encoding="utf-8")
    document = home.json("sweep", "tenant", TENANT, code=4)
    assert {one["status"] for one in document["checks"]} == {"not_applicable"}
    assert home.json("runs", "show", document["run_id"])["status"] == "paused_by_failed_step"
    said = home("sweep", "tenant", TENANT)
    assert said.exit_code == 4
    assert "not one could be made" in said.stderr


SIGMA = """\
title: Anybody signed in
id: 9a3c5b6e-0000-4000-8000-00000000000{n}
logsource: {{product: {product}, service: {service}}}
detection:
  selection:
    {field}|contains: "@"
  condition: selection
level: low
"""


def test_a_public_collection_in_the_operators_folder_is_evaluated(home: Desk) -> None:
    rules = home.home / "runbooks" / "detections" / "sigma" / "rules" / "cloud"
    rules.mkdir(parents=True)
    for n, product, service, field in (
        *((1, "azure", "signinlogs", "UserPrincipalName"), (2, "azure", "signinlogs", "CommandLine")),
        (3, "okta", "okta", "actor"),
    ):
        text = SIGMA.format(n=n, product=product, service=service, field=field)
        (rules / f"rule_{n}.yml").write_text(text, encoding="utf-8")
    document = home.json("sweep", "tenant", TENANT, code=1)
    assert "Anybody signed in" in {one["title"] for one in document["findings"]}
    why = {one["rule"][-1]: one["why"] for one in document["rules_not_evaluated"]}
    assert why.keys() == {"2", "3"}
    assert "no field 'CommandLine'" in why["2"]
    assert "another log" in why["3"]


def test_reports_and_tables(home: Desk, tmp_path: Path) -> None:
    change(home, "expected: {remote_tools: [AnyDesk]}\n")
    made = home("sweep", "tenant", TENANT, "-o", str(tmp_path / "acme.html"))
    assert made.exit_code == 1
    assert "Inbox rule sends mail outside" in made.stdout
    assert "could not look" in made.stdout or "passed" in made.stdout
    assert (tmp_path / "acme.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    home("sweep", "tenant", TENANT, "-o", str(tmp_path / "acme.pdf"))
    assert (tmp_path / "acme.pdf").read_bytes().startswith(b"%PDF-")
    since = home("sweep", "tenant", TENANT, "--since-last")
    assert since.exit_code == 0
    assert "New: none" in since.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("tenant", "nobody"), 2, "nobody"),
        (("tenant", TENANT, "-o", "x.docx"), 2, "-o"),
        (("tenant", TENANT, "--days", "0"), 2, "--days"),
        (("accept", TENANT, "f123", "--reason", "x", "--until", LATER), 2, "not swept"),
        (("accept", TENANT, "f123", "--reason", "x", "--until", "soon"), 2, "--until"),
        (("accept", TENANT, "f123", "--reason", "x", "--until", "2020-01-01"), 2, "--until"),
        (("accept", TENANT, "f123", "--reason", " ", "--until", LATER), 2, "--reason"),
        (("withdraw", TENANT, "f123"), 2, "FINDING"),
    ],
)
def test_wrong_usage(desk: Desk, arguments: tuple[str, ...], code: int, says: str) -> None:
    with desk.opened() as installation:
        (installation.home.tenants / f"{TENANT}.yaml").write_text(
            f"name: {TENANT}\ndisplay_name: A\n", encoding="utf-8"
        )
        installation.vault.create_tenant_key(TENANT)
    assert says in desk.refused("sweep", *arguments, code=code)


def test_checks_are_listed_with_what_they_take(desk: Desk) -> None:
    listed = {one["name"]: one for one in desk.json("sweep", "checks")}
    one = listed["checks.mail.rule_forwards_outside"]
    assert one["attack"] == ["T1114.003"]
    assert one["permissions"]["microsoft365"]
    assert one["summary"]
    shown = desk("sweep", "checks").stdout
    assert all(name.removeprefix("checks.") in shown for name in listed)
