"""The risk register on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.console.desk import Desk, totp

RISK = ("--risk", "One person alone knows the firewall", "--likelihood", "moderate", "--impact", "very_high")


@pytest.fixture
def acme(desk: Desk, tmp_path: Path) -> Desk:
    for name in ("acme", "globex"):
        file = tmp_path / f"{name}.yaml"
        contact = f"[{{id: jo, name: Jo Doe, email: jo@{name}.example, role: primary}}]"
        file.write_text(f"name: {name}\ndisplay_name: {name}\ncontacts: {contact}\n", encoding="utf-8")
        desk.json("tenants", "add", str(file))
    return desk


def day(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()


def test_from_opening_to_closing(acme: Desk) -> None:
    made = acme.json("risks", "add", "acme", *RISK, "--owner", "jo", "--review", day(20))
    assert (made["level"], made["owner"], made["review_on"]) == ("high", "contact:jo", day(20))
    assert (made["treatment"], made["overdue"], made["source"]["kind"]) == (None, False, "person")
    assert acme.json("risks", "list", "globex") == []
    treated = acme.json("risks", "treat", "acme", made["id"][:6], "--treatment", "accept", "--reason", "retired in May")
    assert (treated["treatment"], treated["reason"]) == ("accept", "retired in May")
    seen = acme.json("risks", "review", "acme", made["id"], "--note", "a second one learns it", "--likelihood", "low")
    assert (seen["level"], seen["review_on"]) == ("moderate", day(90))
    told = acme("risks", "show", "acme", made["id"])
    assert told.exit_code == 0
    assert "a second one learns it" in told.output
    assert acme.json("risks", "close", "acme", made["id"], "--reason", "two know it now")["status"] == "closed"
    assert acme.json("risks", "list", "acme") == []
    [closed] = acme.json("risks", "list", "acme", "--all")
    assert closed["status"] == "closed"
    history = acme.json("risks", "show", "acme", made["id"])["history"]
    assert [one["event"] for one in history] == ["risk.opened", "risk.treated", "risk.reviewed", "risk.closed"]
    assert "account of this machine" in history[0]["by"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((*RISK[:3], "sometimes", *RISK[4:]), "--likelihood"),
        ((*RISK[:5], "bad"), "--impact"),
        ((*RISK, "--review", "soon"), "--review"),
        ((*RISK, "--review", "2020-01-01"), "--review"),
        ((*RISK, "--owner", "nobody"), "--owner"),
        ((*RISK, "--source", "rumour"), "--source"),
        ((*RISK, "--source", "incident"), "--run"),
        ((*RISK, "--run", "3f2a91c0"), "RUN"),
    ],
)
def test_bad_input_is_refused_by_name(acme: Desk, given: tuple[str, ...], named: str) -> None:
    assert named in acme.refused("risks", "add", "acme", *given, code=2)
    assert acme.json("risks", "list", "acme") == []


def test_what_is_not_there(acme: Desk) -> None:
    assert "RISK" in acme.refused("risks", "close", "acme", "r000000", "--reason", "gone", code=2)
    acme.refused("risks", "list", "initech", code=2)


def test_in_an_estate_that_is_set_up_deciding_takes_an_engineer_who_proves_it(acme: Desk) -> None:
    (acme.home / "estate.yaml").write_text("name: MSP\n", encoding="utf-8")
    made = acme.json("risks", "add", "acme", *RISK)
    decide = ("risks", "treat", "acme", made["id"], "--treatment", "avoid", "--reason", "switched off")
    assert "engineer" in acme.refused(*decide, code=5)
    assert "engineer" in acme.refused("risks", "close", "acme", made["id"], "--reason", "gone", code=5)
    acme.json("people", "add", "sam", "--role", "engineer", "--tenant", "acme")
    sam = totp(acme.json("people", "enroll", "sam")["otpauth_uri"])
    assert acme.json(*decide, "--as", "sam", "--owner", "sam", given=f"{sam.now()}\n")["owner"] == "person:sam"
    assert acme.json("risks", "show", "acme", made["id"])["history"][-1]["by"] == "sam"
