"""The lab as a command: served, registered, idempotent; and never in place of a client."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console import labtenant
from tenantry.people import act_purpose
from tests.console.desk import Desk, totp

TENANTRY = [sys.executable, "-c", "from console.main import main; main()"]


@contextmanager
def served(*args: str) -> Iterator[dict[str, Any]]:
    """`tenantry lab --json` in a process of its own: its document; ended by SIGTERM with exit code 0."""
    process = subprocess.Popen(
        [*TENANTRY, "lab", "--json", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield json.loads(line)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
        assert rest == "", "one JSON document and nothing else"
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def test_it_serves_registers_and_ends(desk: Desk) -> None:
    with served("--tenant", "acme", "--users", "30", "--seed", "3") as document:
        state = get(f"{document['base_url']}/_lab/state")
        assert state["scenario"]["compromised"] == document["scenario"]["compromised"]
        assert state["domain"] == "acme.example"
        assert state["seed"] == 3
        assert get(f"{document['base_url']}/_lab/audit") == []
        people = {person["id"]: person for person in document["people"]}
        assert people.keys() == {"lab.approver", "lab.lead", "lab.engineer"}
        report = desk.json("tenants", "check", "acme")
        assert report["ok"] is True
        note = totp(people["lab.engineer"]["otpauth_uri"])
        assert desk.json("freeze", "acme", "--as", "lab.engineer", given=f"{note.now()}\n")["by"] == "lab.engineer"


def test_faults_from_a_file(desk: Desk, tmp_path: Path) -> None:
    plan = tmp_path / "faults.json"
    plan.write_text('{"latency_ms": 1, "throttle_rate": 0.1}', encoding="utf-8")
    with served("--faults", str(plan), "--scenario", "quiet") as document:
        assert get(f"{document['base_url']}/_lab/faults")["throttle_rate"] == 0.1
        assert document["tenant"] is None
        assert document["people"] == []
        assert document["scenario"]["name"] == "quiet"
    assert not desk.home.exists(), "without --tenant nothing is kept"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--users", "3"), "20 users"),
        (("--scenario", "war"), "war"),
        (("--port", "70000"), "--port"),
        (("--tenant", "No Name"), "'No Name'"),
        (("--tenant", "_msp"), "_msp"),
    ],
)
def test_what_cannot_be_served(desk: Desk, args: tuple[str, ...], said: str) -> None:
    assert said in desk.refused("lab", *args, code=2)


@pytest.mark.parametrize("text", ["{", '{"colour": 1}', '{"throttle_rate": 2}', "[]"])
def test_faults_that_are_none(desk: Desk, tmp_path: Path, text: str) -> None:
    plan = tmp_path / "faults.json"
    plan.write_text(text, encoding="utf-8")
    assert "--faults" in desk.refused("lab", "--faults", str(plan), code=2)
    assert "--faults" in desk.refused("lab", "--faults", str(tmp_path / "none.json"), code=2)


def registered(desk: Desk, tenant: str, port: int = 1, **more: Any) -> labtenant.Registered:
    with desk.opened() as installation:
        lab = labtenant.lab_for(tenant, users=20)
        return labtenant.register(installation, tenant, f"http://127.0.0.1:{port}", lab, **more)


class TestRegistering:
    def test_again_it_follows_the_port_and_keeps_the_people(self, desk: Desk) -> None:
        first = registered(desk, "acme", 1001)
        before = desk.json("people", "list")
        again = registered(desk, "acme", 1002)
        assert again == first
        assert desk.json("people", "list") == before
        shown = desk.json("tenants", "show", "acme")
        assert shown["providers"]["m365"]["settings"]["graph_url"] == "http://127.0.0.1:1002/graph"
        assert [s["version"] for s in desk.json("vault", "list", "--tenant", "acme")] == [1, 1, 1]
        assert desk.estate_events().count("tenant.replaced") == 1

    def test_the_same_again_records_nothing_new(self, desk: Desk) -> None:
        registered(desk, "acme")
        before = [event for event in desk.estate_events() if event != "vault.read"]
        registered(desk, "acme")
        assert [event for event in desk.estate_events() if event != "vault.read"] == before

    def test_two_labs_in_one_home_stay_apart(self, desk: Desk) -> None:
        registered(desk, "acme")
        registered(desk, "globex")
        acme, globex = desk.json("tenants", "show", "acme"), desk.json("tenants", "show", "globex")
        assert acme["domains"] != globex["domains"]
        assert (
            acme["providers"]["m365"]["settings"]["tenant_id"] != globex["providers"]["m365"]["settings"]["tenant_id"]
        )

    def test_a_client_is_never_replaced(self, desk: Desk, tmp_path: Path) -> None:
        file = tmp_path / "acme.yaml"
        file.write_text("name: acme\ndisplay_name: A client\n", encoding="utf-8")
        desk.json("tenants", "add", str(file))
        with pytest.raises(Exception, match="is a client"):
            registered(desk, "acme")
        assert desk.json("tenants", "show", "acme")["display_name"] == "A client"
        assert desk.json("people", "list") == []

    def test_in_a_home_with_approvers_one_of_them_authorises_it(self, desk: Desk) -> None:
        desk.json("people", "add", "ann", "--role", "approver", "--tenant", "*")
        ann = totp(desk.json("people", "enroll", "ann")["otpauth_uri"])
        with pytest.raises(Exception, match="approvers of its own"):
            registered(desk, "acme")
        assert desk.json("tenants", "list") == []
        with desk.opened() as installation:

            def prove(purpose: str) -> Any:
                assert purpose == act_purpose("enroll", "lab.approver")
                return installation.people.authenticate("ann", ann.now(), purpose=purpose)

            labtenant.register(
                installation, "acme", "http://127.0.0.1:1", labtenant.lab_for("acme", users=20), prove=prove
            )
        scopes = {person["id"]: person["tenants"] for person in desk.json("people", "list")}
        assert scopes["lab.approver"] == scopes["lab.lead"] == scopes["lab.engineer"] == ["acme"]

    def test_alone_its_people_may_touch_every_tenant(self, desk: Desk) -> None:
        registered(desk, "acme")
        assert {tuple(person["tenants"]) for person in desk.json("people", "list")} == {("*",)}

    def test_after_registering_the_present_code_of_everybody_is_unused(self, desk: Desk) -> None:
        made = registered(desk, "acme")
        for person in made.people:
            code = totp(person.otpauth_uri.get_secret_value()).now()
            desk.json("freeze", "acme", "--as", person.id, given=f"{code}\n")

    def test_the_file_holds_no_secret(self, desk: Desk) -> None:
        registered(desk, "acme")
        lab = labtenant.lab_for("acme", users=20)
        text = (desk.home / "tenants" / "acme.yaml").read_text(encoding="utf-8")
        assert lab.client_secret not in text
        assert lab.sink_token not in text
