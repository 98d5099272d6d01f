"""Links on the command line: made, listed, withdrawn, and made for what a run waits for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tenantry.drop.seal import seal
from tests.console.desk import TENANT, Desk

BOOK = """\
id: connect
version: 1
title: Connect
kind: onboarding
phases: [gather]
steps:
  - id: credentials
    title: Credentials
    phase: gather
    uses: vault.expect_credentials
    with:
      contact: primary
      expires_in: 3d
      expect: [{name: m365/secret, title: Secret of the app}, {name: vpn/cert, kind: file}]
"""
MAKE = ("vault", "drop", "--tenant", "acme", "--for", "jo", "--expect", "m365/secret")


@pytest.fixture
def acme(desk: Desk, tmp_path: Path) -> Desk:
    file = tmp_path / "acme.yaml"
    file.write_text(
        "name: acme\ndisplay_name: Acme Ltd\n"
        "contacts: [{id: jo, name: Jo Doe, phone: '+44 20 7946 0000', role: primary}]\n",
        encoding="utf-8",
    )
    desk.json("tenants", "add", str(file))
    at_console(desk)
    return desk


def at_console(desk: Desk) -> None:
    """As the service leaves it."""
    folder = desk.home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "console.json").write_text(
        json.dumps({"url": "https://drops.msp.example", "port": 443}), encoding="utf-8"
    )


def fill(desk: Desk, made: dict[str, Any], value: bytes = b"value") -> None:
    """As the contact and the broker do."""
    with desk.opened() as installation:
        drop, token = made["drop"], made["link"].partition("#")[2]
        session = installation.drops.verify(drop, token, SecretStr(made["pin"]))["session"]
        public = installation.drops.state(drop, session)["public"]
        for place, one in enumerate(made["credentials"]):
            installation.drops.take(drop, session, place, seal(value, public, drop, one["name"]))


def test_a_link_and_a_number_printed_once(acme: Desk) -> None:
    made = acme.json(*MAKE, "--expect", "vpn/cert:file:Certificate of the VPN", "--expires", "4h")
    assert made["link"].startswith(f"https://drops.msp.example/drop/{made['drop']}#")
    assert len(made["link"].partition("#")[2]) == 43
    assert len(made["pin"]) == 8
    assert [(one["name"], one["kind"]) for one in made["credentials"]] == [
        ("m365/secret", "password"),
        ("vpn/cert", "file"),
    ]
    listed = acme("vault", "drops").stdout + acme("vault", "drops", "--json").stdout
    assert made["drop"] in listed
    assert made["pin"] not in listed
    assert "#" not in listed
    assert acme.json("vault", "drops", "--tenant", "acme")[0]["missing"] == ["m365/secret", "vpn/cert"]
    fill(acme, made)
    [drop] = acme.json("vault", "drops")
    assert (drop["status"], drop["missing"]) == ("completed", [])
    shown = acme.json("vault", "show", "--tenant", "acme", "m365/secret")
    assert shown["metadata"]["received_from"] == "jo"


def test_for_people_to_read(acme: Desk) -> None:
    said = acme(*MAKE)
    assert said.stdout.startswith("https://drops.msp.example/drop/")
    assert "Number: " in said.stdout
    assert "+44 20 7946 0000" in said.stderr
    assert "while the service runs" in said.stderr


def test_a_contact_who_is_enrolled_gets_no_number(acme: Desk) -> None:
    acme.json("contacts", "enroll", "acme", "jo")
    made = acme.json(*MAKE)
    assert (made["method"], made["pin"]) == ("totp", None)
    assert "code of their app" in acme(*MAKE).stderr


def test_withdrawn(acme: Desk) -> None:
    made = acme.json(*MAKE)
    assert acme.json("vault", "withdraw", made["drop"])["status"] == "withdrawn"
    assert acme.json("vault", "drops")[0]["status"] == "withdrawn"
    assert "no such drop" in acme.refused("vault", "withdraw", "nothere", code=2)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--tenant", "acme"), "--for"),
        (("--tenant", "nobody", "--for", "jo", "--expect", "a"), "no tenant nobody"),
        (("--tenant", "acme", "--for", "nobody", "--expect", "a"), "no contact nobody"),
        (("--tenant", "acme", "--for", "jo", "--expect", "../up"), "NAME"),
        (("--tenant", "acme", "--for", "jo", "--expect", "drops/x"), "NAME"),
        (("--tenant", "acme", "--for", "jo", "--expect", "a:retina"), "--expect"),
        (("--tenant", "acme", "--for", "jo", "--expect", "a", "--expires", "1m"), "--expires"),
        (("--tenant", "acme", "--for", "jo", "--expect", "a", "--expires", "soon"), "--expires"),
        (("--tenant", "acme", "--run", "3f2a91c0"), "--run"),
        (("--run", "3f2a91c0"), "RUN"),
    ],
)
def test_what_cannot_be_made(acme: Desk, args: tuple[str, ...], said: str) -> None:
    assert said in acme.refused("vault", "drop", *args, code=2)
    assert acme.json("vault", "drops") == []


def test_where_no_service_ever_ran_no_link_is_made(acme: Desk) -> None:
    (acme.home / "run" / "console.json").unlink()
    assert "serve the link" in acme.refused(*MAKE, code=5)
    assert acme.json("vault", "drops") == []


def test_what_a_run_waits_for(stand: Desk) -> None:
    at_console(stand)
    stand.runbook(BOOK)
    waits = stand.json("run", "connect", "--tenant", TENANT, code=3)
    run = waits["run_id"]
    assert run in waits["waiting_for"][0]["question"]
    made = stand.json("vault", "drop", "--run", run[:8])
    assert made["run"] == run
    assert made["contact"] == "owner"
    assert made["expires_at"] < waits["waiting_for"][0]["expires_at"]
    assert [one["title"] for one in made["credentials"]] == ["Secret of the app", ""]
    fill(stand, made)
    done = stand.json("resume", run)
    assert done["status"] == "completed"
    assert done["steps"][0]["output"]["by"] == "contact owner"
    page = stand.home / "timeline.md"
    assert stand("timeline", run, "--format", "md", "-o", str(page)).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "Received into the vault: m365/secret" in text
    assert "everything is there" in text
    assert "waits for no credentials" in stand.refused("vault", "drop", "--run", run, code=2)
