"""The report is made of the run's record and the register alone, and kept as evidence."""

from __future__ import annotations

import json
from typing import Any

from tasks.onboarding.report import AGREEMENT, MakeReport
from tenantry.risk.model import Register
from tenantry.task import Context, NoParams, RunFacts
from tests.support.fakes import NOW
from tests.tasks.incident.test_open_incident import Incidents
from tests.tasks.incident.test_sweep_tenant import Evidence
from tests.tenantry.onboarding.made import COUNTS, SUBJECT, finding, kind, policy, step, system

OPENED = "0a5f2c1e-0000-4000-8000-000000000001"
SWEPT = {
    "checks": COUNTS,
    **{"read_from": "2026-11-01T00:00:00.000000Z", "read_until": "2026-11-22T00:00:00.000000Z"},
    **{"could_not_check_total": 0, "evidence": {"sha256": "sweep"}},
    "incidents": [
        {
            "runbook": "business_email_compromise",
            "entity": "anna",
            "findings": ["rule/anna"],
            "run_ids": [OPENED, "r2"],
        },
        {"runbook": "compromised_host", "entity": "web1", "findings": ["rule/web1"], "run_ids": ["never"]},
    ],
}


class Recorded:
    def __init__(self, *steps: dict[str, Any], **kept: Any) -> None:
        self.steps, self.kept = steps, kept

    async def run(self, run_id: str) -> dict[str, Any]:
        shown = {"run_id": run_id, "mode": "run", "tenant": "acme", "title": "Client onboarding", "waiting_for": []}
        steps = [*self.steps, {**step("onboarding.report", outcome=None), "id": "report"}]
        return {**shown, "started_at": "2026-11-22T00:00:00.000000Z", "steps": steps}

    async def evidence(self, run_id: str, sha256: str) -> bytes:
        del run_id
        return json.dumps(self.kept[sha256]).encode()


class Risks:
    async def read(self, run_id: str) -> Register:
        del run_id
        return Register()


async def reported(recorded: Recorded) -> tuple[Any, dict[str, Any]]:
    evidence = Evidence()
    capabilities = {"recorded": recorded, "risks": Risks(), "incidents": Incidents(OPENED)}
    run = RunFacts("run-1", "acme", "run", NOW, "client_onboarding", "report")
    ctx = Context(run=run, capabilities=capabilities, evidence=evidence, now=NOW, subject=SUBJECT)  # type: ignore[arg-type]  # as much of it as is used
    found = await MakeReport().read(ctx, NoParams())
    assert evidence.stored["onboarding-report.pdf"].startswith(b"%PDF-")
    assert evidence.stored["onboarding-report.html"].startswith(b"<!doctype html>")
    return found, json.loads(evidence.stored["onboarding-report.json"])


SWEEP = {
    "findings": [finding("rule", "critical", "anna"), finding("rule", "critical", "web1")],
    "could_not_check": [],
    "checks": [{"check": "rule", "status": "fail", "looked_at": 4}],
}
STEPS = (
    step("incident.sweep_tenant", SWEPT),
    step("onboarding.inventory", {"kinds": [kind()], "systems": [system()]}),
    step("compliance.assess", {"evidence": {"sha256": "baseline"}}),
    step("risks.refresh_register", outcome="already"),
)
BASELINE = {"baselines": [{"id": "b", "version": 1, "title": "B", "policies": [policy("mfa", "pass")]}]}


async def test_what_was_found_and_who_answers_it() -> None:
    found, document = await reported(Recorded(*STEPS, sweep=SWEEP, baseline=BASELINE))
    assert found.incidents == [OPENED]  # what no run was opened for is told as open
    assert found.gaps == []
    assert [one["what"] for one in document["waits"]] == [
        f"Carry on the incident about anna, run {OPENED}",
        "Critical, and no incident yet: Title of rule (web1)",
    ]
    assert [one["status"] for one in document["policies"]] == ["pass"]
    assert document["client"] == "Acme Ltd"


async def test_what_was_agreed_is_what_the_run_recorded() -> None:
    said = {**SUBJECT, "display_name": "Acme, as it was agreed"}
    agreed = step(AGREEMENT, {"evidence": {"sha256": "agreed"}, "lacking": ["agreement.sla"]})
    _, document = await reported(Recorded(agreed, *STEPS, sweep=SWEEP, baseline=BASELINE, agreed=said))
    assert document["client"] == "Acme, as it was agreed"
    assert document["agreement"]["lacking"] == ["agreement.sla"]


async def test_a_run_that_did_nothing_yet_is_not_called_well() -> None:
    found, document = await reported(Recorded())
    assert len(found.gaps) == 4
    assert document["badges"][0]["text"] == "Not everything could be looked at"
