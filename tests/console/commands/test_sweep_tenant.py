"""`tenantry sweep tenant` on the lab: what it prints, records, remembers, and that nothing of it is said twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console import labtenant
from integrations.lab import LabServer
from tests.console.desk import TENANT, Desk, desk

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
    box = next(box for box in home.lab.mailboxes.values() if box.upn == finding["entity"]["id"])
    for one in box.rules:  # the attacker changes where to
        for kind in ("forward_to", "redirect_to"):
            if getattr(one, kind, None):
                setattr(one, kind, ["other@elsewhere.example"])
    loud = home.json("sweep", "tenant", TENANT, "--since-last", code=1)
    assert finding["id"] in loud["since_last"]["changed"]
    home.json("sweep", "withdraw", TENANT, finding["id"])
    assert home.json("sweep", "accepted", TENANT) == []
