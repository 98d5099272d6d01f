"""`tenantry compliance` on the lab: what it prints, records and remembers, and what people may say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console import labtenant
from integrations.lab import LabServer
from tests.console.desk import TENANT, Desk, desk

__all__ = ["desk"]

POLICY = "msp_onboarding/administrator_second_factor"


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


SAID = ("--owner", "jo", "--reason", "retired in May", "--control", "watched by hand", "--until", day(30))


@pytest.fixture
def home(desk: Desk) -> Iterator[Desk]:
    lab = labtenant.lab_for(TENANT, users=20)
    with LabServer(lab) as server:
        desk.register(server.base_url, lab)
        desk.lab = lab
        yield desk


def policies(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{of['id']}/{one['policy']}": one for of in document["baselines"] for one in of["policies"]}


def test_a_client_is_held_against_its_baselines_and_the_time_before_is_remembered(home: Desk) -> None:
    first = home.json("compliance", "run", TENANT, code=1)
    assert [one["id"] for one in first["baselines"]] == [
        "msp_onboarding",
        "msp_measures",
        "scuba_entra",
        "scuba_exchange",
        "scuba_sharepoint",
        "aws_foundations",
        "linux_foundations",
    ]
    stands = policies(first)
    assert {one["status"] for one in stands.values()} >= {"fail", "for_person"}
    assert {one["change"] for one in stands.values()} == {"new"}
    failing = [name for name, one in stands.items() if one["status"] == "fail"]
    run = home.json("runs", "show", first["run_id"])
    assert (run["runbook"], run["status"]) == ("compliance_sweep", "completed")

    second = policies(home.json("compliance", "run", TENANT, "--baseline", "msp_onboarding", code=1))
    assert {one["change"] for one in second.values()} == {"same"}
    assert [second[name]["since"] for name in failing if name in second] == [
        stands[name]["since"] for name in failing if name in second
    ]
    reported(home, first, failing)


def reported(home: Desk, first: dict[str, Any], failing: list[str]) -> None:
    """What was found before is told without being looked at again: of each baseline how it stood when it was looked at last."""
    before = home.json("runs", "list")
    out = home.home / "report"
    home("compliance", "report", TENANT, "--format", "json", "-o", str(out))
    latest = json.loads(out.read_text())
    assert policies(latest).keys() == policies(first).keys()
    runs = {of["id"]: of["run_id"] for of in latest["baselines"]}
    assert runs["scuba_entra"] == first["run_id"] != runs["msp_onboarding"]
    home("compliance", "report", TENANT, "-o", str(out))
    assert "From sweep to sweep" in out.read_text()
    home("compliance", "report", TENANT, "--format", "pdf", "-o", str(out))
    assert out.read_bytes().startswith(b"%PDF")
    home("compliance", "report", TENANT, "--format", "ocsf", "-o", str(out))
    assert len(out.read_text().splitlines()) == len(policies(first))
    found = home.json("compliance", "portfolio", "--format", "html", "-o", str(out))
    assert [one["tenant"] for one in found["clients"]] == [TENANT]
    assert set(found["clients"][0]["failing"]) == set(failing)
    assert "All clients" in out.read_text()
    home("compliance", "portfolio", "--format", "csv", "-o", str(out))
    assert len(out.read_text().splitlines()) == 1 + len(policies(first))
    assert home.json("runs", "list") == before
    assert home.json("journal", "verify")["ok"]
    told = home("compliance", "run", TENANT)
    assert told.exit_code == 1
    assert "fail" in told.stdout


def test_an_exception_counts_until_it_is_withdrawn(home: Desk) -> None:
    before = policies(home.json("compliance", "run", TENANT, "--baseline", "msp_onboarding", code=1))
    failing = next(name for name, one in before.items() if one["status"] == "fail")
    owner = home.json("people", "list")[0]["id"]
    said = ("--owner", owner, *SAID[2:])
    with home.opened() as installation:
        approver = next(one for one, record in installation.people.records().items() if "approver" in record.roles)
    given = home.code(approver)
    made = home.json("compliance", "except", TENANT, failing, *said, "--as", approver, given=given)
    assert made["control"] == "watched by hand"
    [held] = home.json("compliance", "exceptions", TENANT)
    assert held["in_force"] is True
    after = policies(
        home.json("compliance", "run", TENANT, "--baseline", "msp_onboarding", code=code_of(before, failing))
    )
    assert (after[failing]["status"], after[failing]["measured"]) == ("excepted", "fail")
    home.json("compliance", "withdraw", TENANT, failing)
    again = policies(home.json("compliance", "run", TENANT, "--baseline", "msp_onboarding", code=1))
    assert (again[failing]["status"], again[failing]["change"]) == ("fail", "fell")


def code_of(stands: dict[str, dict[str, Any]], excepted: str) -> int:
    return 1 if any(one["status"] == "fail" for name, one in stands.items() if name != excepted) else 0


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("nowhere/x", *SAID), "baseline"),
        (("msp_onboarding/never", *SAID), "POLICY"),
        ((POLICY, *SAID[:-1], "soon"), "--until"),
        ((POLICY, *SAID[:-1], day(-1)), "--until"),
        ((POLICY, *SAID[:-1], day(900)), "--until"),
        ((POLICY, "--owner", "nobody", *SAID[2:]), "--owner"),
        ((POLICY, "--owner", "jo", "--reason", " ", *SAID[4:]), "--reason"),
    ],
)
def test_what_makes_no_exception_is_refused_by_name(bare: Desk, given: tuple[str, ...], named: str) -> None:
    assert named in bare.refused("compliance", "except", TENANT, *given, code=2)
    assert bare.json("compliance", "exceptions", TENANT) == []


def test_what_cannot_be_mended_is_refused_by_name(home: Desk) -> None:
    guarded = "aws_foundations/buckets_guarded"
    assert "looked" in home.refused("compliance", "mend", TENANT, guarded, code=2)
    failing = policies(home.json("compliance", "run", TENANT, "--baseline", "msp_onboarding", code=1))
    name = next(name for name, one in failing.items() if one["status"] == "fail")
    assert "no runbook mends" in home.refused("compliance", "mend", TENANT, name, code=2)
    assert "POLICY" in home.refused("compliance", "mend", TENANT, "msp_onboarding/never", code=2)


@pytest.fixture
def bare(desk: Desk, tmp_path: Path) -> Desk:
    """A client without any system, and a contact called jo."""
    file = tmp_path / f"{TENANT}.yaml"
    contact = "{id: jo, name: Jo Doe, role: primary, email: jo@acme.example}"
    file.write_text(f"name: {TENANT}\ndisplay_name: Acme Ltd\ncontacts: [{contact}]\n", encoding="utf-8")
    desk.json("tenants", "add", str(file))
    return desk


def test_what_a_person_answers_counts_where_no_system_can_tell(bare: Desk) -> None:
    answered = "msp_onboarding/restore_tested"
    said = ("--status", "pass", "--why", "restored the file server", "--until", day(100))
    assert "nothing" in bare.refused(
        "compliance", "answer", TENANT, answered, *said[:2], "--why", " ", *said[4:], code=2
    )
    bare.json("compliance", "answer", TENANT, answered, *said)
    found = policies(bare.json("compliance", "run", TENANT, "--baseline", "msp_onboarding"))
    assert (found[answered]["status"], found[answered]["measured"]) == ("pass", "for_person")
    assert "restored the file server" in found[answered]["why"]


def test_of_whom_nothing_can_be_told_that_is_said(bare: Desk) -> None:
    found = policies(bare.json("compliance", "run", TENANT, "--baseline", "msp_onboarding", code=4))
    assert {one["status"] for one in found.values()} == {"for_person"}
    assert "baseline" in bare.refused("compliance", "run", TENANT, "--baseline", "never_written", code=2)


def test_what_is_asked_is_listed(bare: Desk) -> None:
    found = bare.json("compliance", "policies", "--baseline", "linux_foundations")
    assert len(found[0]["policies"]) >= 30
    assert "linux_foundations/firewall" in bare("compliance", "policies").stdout
