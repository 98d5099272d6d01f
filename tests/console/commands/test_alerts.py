"""What `tenantry alerts` says of incidents: whose they are and why, how old, and how their clocks stand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from click.testing import CliRunner

from console.main import cli
from tenantry.home import Home
from tests.flows.test_triaging import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = Place(Home(tmp_path / "home").ensure())
    monkeypatch.setenv("TENANTRY_HOME", str(made.home.path))
    asyncio.run(made.incidents("a@acme.example"))
    asyncio.run(made.triaging().look())
    yield made
    made.store.close()
    made.installation.close()


def said(*words: str, code: str = "") -> Any:
    result = CliRunner().invoke(cli, ["alerts", *words], input=f"{code}\n", catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if "--json" in words else result.output


def test_whose_it_is_why_and_how_its_clocks_stand(place: Place) -> None:
    (one,) = said("list", "--json")
    assert (one["person"], one["tenant"], one["age_seconds"] < 600) == ("ann.lee", "acme", True)
    assert [clock["name"] for clock in one["clocks"]] == ["sla acknowledge", "sla contain", "sla resolve"]
    (alert,) = said("list", "--all", "--json")
    shown = said("show", alert["id"], "--json")
    assert [(row["to"], row["by"], row["why"]) for row in shown["assignments"]] == [
        ("ann.lee", "triage", "round robin among 2")
    ]
    assert shown["incident"]["clocks"] == one["clocks"]
    text = said("show", alert["id"])
    assert "ann.lee: round robin among 2" in text
    assert "acme: 1 open (1 high)" in said("list")


def test_who_takes_it_acknowledges_it_and_who_closes_it_stops_its_clocks(place: Place) -> None:
    enrollment = place.installation.people.enroll("sam.eng")
    totp = pyotp.parse_uri(enrollment.otpauth_uri.get_secret_value())
    assert isinstance(totp, pyotp.TOTP)
    (alert,) = said("list", "--all", "--json")
    said("take", alert["id"], "--as", "sam.eng", code=totp.now())
    (one,) = said("list", "--json")
    assert one["person"] == "sam.eng"
    assert [clock["stopped_at"] is not None for clock in one["clocks"]] == [True, False, False]
    place.clock.by = timedelta(seconds=30)  # a code counts once
    later = totp.at(place.clock.now())
    said("close", alert["id"], "--reason", "a false alarm", "--as", "sam.eng", code=later)
    assert said("list", "--json") == []
    shown = said("show", alert["id"], "--json")
    assert all(clock["stopped_at"] for clock in shown["incident"]["clocks"])
    assert [row["to"] for row in shown["assignments"]] == ["ann.lee", "sam.eng"]
