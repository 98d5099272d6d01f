"""What an onboarding looks at, opens and reports, over a real installation, the lab behind it and its record; carried by the engine alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console import labtenant
from flows.assembly import Installation
from flows.looking import STAGED, VERIFIED, TenantLooking, proven
from flows.recording import prepare
from flows.remembering import TenantRecorded
from integrations.lab import LabServer
from tenantry.errors import NotFound, TaskDefect
from tenantry.home import Home
from tenantry.risk.register import RiskRegister
from tenantry.run import Engine, RunState, Status

RUNBOOK = """\
id: taken_on
version: 1
title: Client onboarding
kind: onboarding
phases: [look, report]
steps:
  - {id: sweep, title: Sweep, phase: look, uses: incident.sweep_tenant, on_failure: continue}
  - {id: inventory, title: Inventory, phase: look, uses: onboarding.inventory}
  - id: baseline
    title: Measures
    phase: look
    uses: compliance.assess
    with: {baselines: [msp_onboarding], if_nothing_could_be_told: report}
  - {id: risks, title: Risks, phase: report, uses: risks.refresh_register, needs: [sweep, baseline]}
  - id: open
    title: Open incidents
    phase: report
    uses: incident.open_incident
    for_each: steps.sweep.output.incidents
    key: item.run_ids[0]
    expect_at_most: 50
    needs: [sweep]
    on_failure: continue
    with: {runbook: "${item.runbook}", params: "${item.params}", findings: "${item.findings}", run_ids: "${item.run_ids}"}
  - {id: report, title: Report, phase: report, uses: onboarding.report, needs: [inventory, risks, open]}
"""


class Office:
    """One home with two clients: one that somebody broke into, and one of whose systems half cannot be reached."""

    def __init__(self, folder: Path) -> None:
        self.installation = Installation(Home(folder).ensure())
        self.servers: list[LabServer] = []
        for tenant, scenario in (("acme", "breached"), ("globex", "clean")):
            lab = labtenant.lab_for(tenant, scenario=scenario, users=24)
            server = LabServer(lab)
            server.start()
            self.servers.append(server)
            labtenant.register(self.installation, tenant, server.base_url, lab)
        path = self.installation.tenants.path("globex")
        gone = path.read_text("utf-8").replace("vault:globex/m365/client-secret", "vault:globex/m365/never-stored")
        path.write_text(gone, "utf-8")
        folder = self.installation.home.runbooks
        folder.mkdir(exist_ok=True)
        (folder / "taken_on.yaml").write_text(RUNBOOK, "utf-8")

    async def run(self, tenant: str, run_id: str, mode: str = "run") -> RunState:
        requester = {"person": None, "name": "test", "proven": False, "via": "command line"}
        prepare(self.installation, "taken_on", tenant, {}, mode, requester, run_id)
        async with self.installation.access(tenant, mode, {}) as access:
            return await Engine(self.installation.surroundings(), access).run(run_id, wait=False)

    def output(self, run_id: str, step: str) -> Any:
        return self.installation.state(run_id).item(step, None).output

    def kept(self, tenant: str, reference: dict[str, Any]) -> bytes:
        data = b"".join(self.installation.evidence.open(tenant, reference["sha256"]))
        assert hashlib.sha256(data).hexdigest() == reference["sha256"]
        return data

    def register(self, tenant: str) -> Any:
        return RiskRegister(self.installation.journal, tenant).read()

    def close(self) -> None:
        self.installation.close()
        for server in self.servers:
            server.stop()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("office"))
    yield made
    made.close()


async def test_a_breached_client(office: Office) -> None:
    state = await office.run("acme", "take-1")
    assert (state.ended or "").value == "completed"
    report = office.output("take-1", "report")
    opened = [one.run_id for one in office.installation.journal.runs("acme") if one.run_id != "take-1"]
    assert sorted(report["incidents"]) == sorted(opened)
    assert opened
    for run_id in opened:  # and each names who opened it
        assert office.installation.state(run_id).requester["run"] == "take-1"
    assert report["badges"][0] == f"{len(opened)} incidents opened"
    names = {one["name"].rpartition(".")[2]: one for one in report["evidence"]}
    document = json.loads(office.kept("acme", names["json"]))
    assert document["run_id"] == "take-1"
    assert office.kept("acme", names["pdf"]).startswith(b"%PDF-")
    page = office.kept("acme", names["html"]).decode()
    assert all(run_id in page for run_id in opened)
    users = next(one for one in office.output("take-1", "inventory")["kinds"] if one["kind"] == "users")
    assert (users["count"], users["state"]) == (24, "looked")
    assert len(office.kept("acme", users["evidence"][0]).splitlines()) == 24
    risks = office.register("acme").open()
    assert {one["id"] for one in document["risks"]} == {one.id for one in risks}
    assert office.register("globex").open() == []
    assert office.installation.journal.verify().ok


async def test_once_more(office: Office) -> None:
    before = office.register("acme")
    state = await office.run("acme", "take-2")
    after = office.register("acme")
    assert [one.id for one in after.open()] == [one.id for one in before.open()]
    changes = state.item("risks", None).changes
    assert after.entries - before.entries == len(changes)
    assert {one.path for one in changes} <= {f"risk/{name}/state" for name in before.risks}  # none is new


async def test_a_client_of_whom_half_cannot_be_reached(office: Office) -> None:
    state = await office.run("globex", "half-1")
    assert state.item("report", None).output is not None
    report = office.output("half-1", "report")
    assert "No sign of an intruder found" not in report["badges"]
    assert "Not everything could be looked at" in report["badges"]
    kinds = {one["kind"]: one for one in office.output("half-1", "inventory")["kinds"]}
    assert kinds["users"]["state"] == "not_looked"
    assert kinds["cloud_accounts"]["state"] == "looked"
    assert kinds["domains"]["state"] == "partly"
    [measured] = json.loads(office.kept("globex", office.output("half-1", "baseline")["evidence"]))["baselines"]
    ended = {one["policy"]: one["status"] for one in measured["policies"]}
    assert ended["msp_second_factor"] == "unknown"
    assert "pass" not in {ended[name] for name in ("msp_least_privilege", "logging_on", "administrator_second_factor")}


async def test_what_a_run_opened_is_taken_back(office: Office) -> None:
    assert office.register("globex").open()
    async with office.installation.access("globex", "run", {}) as access:
        engine = Engine(office.installation.surroundings(), access)
        state = await engine.undo("half-1", step="risks", by={"person": None, "proven": False, "via": "test"})
    assert (state.item("risks", None).undo or {})["outcome"] == "undone"
    register = office.register("globex")
    assert register.open() == []
    assert {one.status for one in register.risks.values()} == {"withdrawn"}


async def test_a_drills_risks_stay_in_the_drill(office: Office) -> None:
    before = office.register("globex").risks
    state = await office.run("globex", "drill-1", mode="drill")
    assert state.item("report", None).output is not None
    assert RiskRegister(office.installation.journal, "globex", drill="drill-1").read().risks
    assert office.register("globex").risks == before


async def test_a_run_reads_its_own_client_alone(office: Office) -> None:
    held = office.output("take-1", "report")["evidence"][0]["sha256"]
    assert await TenantRecorded(office.installation, "acme").evidence("take-1", held)
    with pytest.raises(NotFound):
        await TenantRecorded(office.installation, "globex").run("take-1")
    with pytest.raises(NotFound):
        await TenantRecorded(office.installation, "acme").evidence("take-2", held)


async def test_what_was_not_declared_is_not_given(office: Office) -> None:
    async with office.installation.access("acme", "run") as access:
        looking = TenantLooking(office.installation, access)
        look = await looking.look(office.installation.journal.clock.now(), 1)
        assert look.known.emergency < look.known.accounts
        with pytest.raises(TaskDefect):
            await looking.given(("dns",), look).capability("identity")
        assert await looking.restores(look.since) == []
        agreed = await looking.agreed()
        assert agreed.signed_on == access.tenant.agreement.signed_on is not None
        assert agreed.contacts == {contact.role for contact in access.tenant.contacts}
        assert set(agreed.duties) == {duty.who for duty in access.tenant.agreement.responsibilities}


async def test_drills_that_came_to_their_end_are_exercises(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    since = office.installation.journal.clock.now() - timedelta(days=1)
    drilled = await office.run("globex", "drill-2", mode="drill")
    async with office.installation.access("globex", "run") as access:
        looking = TenantLooking(office.installation, access)
        assert await looking.exercises(since) == [], "taking a client on is not exercised"
        monkeypatch.setattr("flows.looking.EXERCISED", {"onboarding"})
        found = await looking.exercises(since)
        assert await looking.exercises(since + timedelta(days=2)) == []
    assert drilled.ended is Status.COMPLETED
    assert "drill-2" in {one["run_id"] for one in found}
    assert "half-1" not in {one["run_id"] for one in found}, "which was no drill"


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        ({"task": VERIFIED, "outcome": "observed", "output": {"verified": True}}, True),
        ({"task": VERIFIED, "outcome": "observed", "output": {"verified": False}}, False),
        ({"task": VERIFIED, "outcome": "failed", "output": None}, False),
        ({"task": STAGED, "outcome": "changed", "output": None}, True),
        ({"task": STAGED, "outcome": "already", "output": None}, False),
        ({"task": "backup.restore_point", "outcome": "changed", "output": None}, False),
    ],
)
def test_which_steps_prove_a_restore(step: dict[str, Any], counts: bool) -> None:
    assert proven(step) is counts
