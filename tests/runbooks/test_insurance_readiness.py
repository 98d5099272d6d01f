"""The runbook on a client at the lab: measured, read by a lead, signed, reported; what somebody will not sign is not reported. And a client's
compliance sweeps: their risks come and go with what was seen, and what nobody looked at on its day is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.recording import prepare
from tenantry.risk.model import risk_id
from tenantry.risk.register import RiskRegister
from tenantry.run import Status
from tests.support.taken_on import Client, client

CONTROLS = ["MFA for administrators", "Backups that were restored", "A plan for incidents"]
INSURER = {
    "required_controls": CONTROLS,
    "valid_until": "2099-12-31",
    "measured_by": {
        CONTROLS[0]: ["msp_onboarding/administrator_second_factor"],
        CONTROLS[1]: ["msp_onboarding/restore_tested"],
    },
}


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("insured")
    kept = ("m365/client-secret", "sink/token", "cloud/token")
    with client(folder, more={"time_zone": "Europe/Berlin"}, kept=kept) as made:
        made.edit(lambda file: file["insurer"].update(INSURER))
        yield made


def begin(acme: Client, runbook: str) -> str:
    requester = {"person": None, "proven": False, "via": "test"}
    return prepare(acme.installation, runbook, acme.name, {"baselines": ["msp_onboarding"]}, "run", requester, None)


def evidence(acme: Client, run: str) -> dict[str, Any]:
    held = {one["name"]: one["sha256"] for one in acme.installation.state(run).evidence}
    return {name: b"".join(acme.installation.evidence.open(acme.name, digest)) for name, digest in held.items()}


async def test_measured_signed_reported(acme: Client) -> None:
    run = begin(acme, "insurance_readiness")
    await acme.carry(run)
    assert acme.waits(run) == [("sign", None)]
    [gate] = acme.installation.state(run).open_gates()
    assert gate.request["role"] == "lead"
    asked = str(gate.request["question"])
    assert all(control in asked for control in CONTROLS)
    assert f"{CONTROLS[2]}: NOT KNOWN" in asked
    acme.answer(run, "sign")
    state = await acme.carry(run)
    assert state.ended is Status.COMPLETED, acme.installation.view(run)["steps"]
    kept = evidence(acme, run)
    report = json.loads(kept["insurance-readiness-report.json"])
    assert report["signed"]["digest"] in asked
    assert report["signed"]["by"]
    stands = {one["control"]: one["status"] for one in report["controls"]}
    assert stands[CONTROLS[1]] == stands[CONTROLS[2]] == "not_known"
    assert report["ready"] is False
    assert kept["insurance-readiness-report.pdf"].startswith(b"%PDF-")
    assert b"MFA for administrators" in kept["insurance-readiness-report.html"]


async def test_what_somebody_will_not_sign_is_not_reported(acme: Client) -> None:
    run = begin(acme, "insurance_readiness")
    await acme.carry(run)
    acme.answer(run, "sign", "deny")
    state = await acme.carry(run)
    assert state.ended is not Status.COMPLETED
    assert "insurance-readiness-report.pdf" not in evidence(acme, run)


async def test_risks_come_and_go_with_what_was_seen(acme: Client) -> None:
    from flows.complying import answer

    journal = acme.installation.journal
    name = "msp_onboarding/restore_tested"
    today = journal.clock.now().date()
    answer(acme.installation, acme.name, name, "fail", by="ann", why="never tried", until=today)
    first = begin(acme, "compliance_sweep")
    assert (await acme.carry(first)).ended is Status.COMPLETED, acme.installation.view(first)["steps"]
    register = RiskRegister(journal, acme.name)
    assert register.read().risks[risk_id("finding", name)].status == "open"
    assert acme.outcomes(first)["remind"] == "skipped"

    answer(acme.installation, acme.name, name, "pass", by="ann", why="restored on Monday", until=today)
    old = register.add("One person alone knows the firewall", "low", "low", by="ann")
    overdue = (old.review_on - today).days + 2
    acme.later(days=overdue)
    try:
        answer(acme.installation, acme.name, name, "pass", by="ann", why="again", until=journal.clock.now().date())
        second = begin(acme, "compliance_sweep")
        assert (await acme.carry(second)).ended is Status.COMPLETED, acme.installation.view(second)["steps"]
    finally:
        acme.later(days=-overdue)
    assert register.read().risks[risk_id("finding", name)].status == "closed"
    outputs = {one["id"]: one["output"] for one in acme.installation.view(second)["steps"]}
    assert old.id in {one["risk"] for one in outputs["overdue"]["overdue"]}
    assert acme.outcomes(second)["remind"] == "changed"
    messages = json.dumps([entry["after"] for entry in acme.lab.audit if entry["service"] == "sink"], default=str)
    assert "not looked at on the day that was set" in messages
