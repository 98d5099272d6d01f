"""One runbook for many tenants: 25 labs, three of which cannot be reached."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from console import labtenant
from console.main import cli
from flows import campaign
from flows.assembly import Installation
from integrations.http import Limits
from integrations.lab import Lab
from integrations.microsoft365.provider import PROVIDER as MICROSOFT365
from integrations.sink.provider import PROVIDER as SINK
from tenantry.campaign import child_id, find, view
from tenantry.decisions import approval_purpose, decide_all
from tenantry.errors import JournalUnavailable, NotFound
from tenantry.home import Home
from tenantry.journal import MSP
from tenantry.people import Authenticated
from tenantry.run import Policy, RunState
from tenantry.runbook import load_runbook
from tenantry.task import Task

TENANTS = [f"client-{n:02d}" for n in range(25)]
AWAY = TENANTS[3], TENANTS[11], TENANTS[24]
QUICK = Policy(read_attempts=1, backoff=0.01, poll=0.01, settle=0.0, patience_scale=0.05)
BASE = "https://lab.invalid"


class Net(httpx.AsyncBaseTransport):
    """Every lab behind one network, by the tenant of the request; some hosts are away."""

    def __init__(self, labs: dict[str, Lab]) -> None:
        self.labs = labs
        self.away: set[str] = set()

    def of(self, name: str) -> httpx.AsyncBaseTransport:
        net, inner = self, httpx.ASGITransport(self.labs[name].app)

        class One(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                if name in net.away:
                    raise httpx.ConnectError("away")
                return await inner.handle_async_request(request)

        return One()


class Provider:
    """A vendor's own provider, with labs instead of the network."""

    def __init__(self, real: Any, net: Net) -> None:
        self._real, self._net = real, net
        self.vendor, self.capabilities = real.vendor, real.capabilities
        self.Settings, self.secrets = real.Settings, real.secrets

    async def open(self, settings: Any, secrets: Any) -> Any:
        domain = next(name for name, lab in self._net.labs.items() if _names(settings, name, lab))
        limits = Limits(attempts=2, first_wait=0.001)
        return await self._real.open(settings, secrets, transport=self._net.of(domain), limits=limits)


def _names(settings: Any, name: str, lab: Lab) -> bool:
    return getattr(settings, "tenant_id", None) == lab.tenant_id or f"/{name}/" in str(
        getattr(settings, "base_url", "")
    )


class Estate:
    """A home with 25 tenants, or with these."""

    def __init__(self, folder: Path, names: Sequence[str] = TENANTS, scenario: str = "msp_tool") -> None:
        self.installation = Installation.open(Home(folder))
        self.labs = {name: labtenant.lab_for(name, users=20, scenario=scenario) for name in names}
        self.net = Net(self.labs)
        for name, lab in self.labs.items():
            labtenant.register(self.installation, name, f"{BASE}/{name}", lab)
            path = self.installation.home.tenants / f"{name}.yaml"
            # The labs answer at the root; the sink's address alone tells which one is meant.
            path.write_text(
                path.read_text().replace(f"{BASE}/{name}", BASE).replace(f"{BASE}/sink", f"{BASE}/{name}/sink")
            )
        through = {"microsoft365": Provider(MICROSOFT365, self.net), "sink": Provider(_Sink(), self.net)}
        self.installation.__dict__["providers"] = {**self.installation.providers, **through}

    def carry(self, campaign_id: str) -> dict[str, Any]:
        return view(campaign.carry(self.installation, campaign_id, policy=QUICK))

    def start(self, **more: Any) -> str:
        params = {"tool": "Orbit RMM"}
        by = {"person": None, "proven": False, "via": "test"}
        return campaign.prepare(
            self.installation, "msp_tool_compromise", more.pop("tenants", TENANTS), params, more.pop("mode", "run"), by
        )

    def answer(self, run_id: str) -> int:
        state: RunState = self.installation.state(run_id)
        gates = state.open_gates()
        for person in (labtenant.LEAD, labtenant.APPROVER):
            mine = [g for g in gates if all(d["by"] != person for d in g.decisions)]
            if mine:
                proof = Authenticated(
                    self.installation.people.get(person),
                    datetime.now(UTC),
                    "totp",
                    approval_purpose(run_id),
                    state.tenant,
                )
                decide_all(
                    self.installation.journal, self.installation.people, state, mine, proof, "approve", "checked"
                )
                break
        return len(gates)


class _Sink:
    """The sink's provider; the tenant in its address is for finding the lab alone."""

    vendor, capabilities, Settings, secrets = SINK.vendor, SINK.capabilities, SINK.Settings, SINK.secrets

    async def open(self, settings: Any, secrets: Any, **more: Any) -> Any:
        return await SINK.open(SINK.Settings(base_url=f"{BASE}/sink"), secrets, **more)


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    made = Estate(tmp_path_factory.mktemp("estate"))
    yield made
    made.installation.close()


@pytest.fixture(scope="module")
def first(estate: Estate) -> tuple[str, dict[str, Any]]:
    """A campaign carried once, while three are away."""
    estate.net.away = set(AWAY)
    campaign_id = estate.start()
    return campaign_id, estate.carry(campaign_id)


def test_the_rest_is_contained_and_it_says_who_is_not(estate: Estate, first: tuple[str, dict[str, Any]]) -> None:
    _, shown = first
    assert shown["status"] == "completed_with_exceptions"
    assert shown["unreachable"] == sorted(AWAY)
    assert shown["counts"] == {"waiting_for_approval": 22, "paused_by_failed_step": 3}
    for name, lab in estate.labs.items():
        tool = lab.tenant.service_principals.get(lab.scenario_info()["artefacts"]["tool"]["id"])
        assert tool is not None
        assert tool.props["accountEnabled"] is (name in AWAY)
        assert lab.innocent_touched() == []
        if name in AWAY:
            assert lab.audit == []


def test_each_clients_part_is_in_its_own_record(estate: Estate, first: tuple[str, dict[str, Any]]) -> None:
    campaign_id, shown = first
    for row in shown["tenants"]:
        assert row["run_id"] == child_id(campaign_id, row["tenant"])
        records = estate.installation.journal.records(row["run_id"])
        others = set(TENANTS) - {row["tenant"]}
        text = json.dumps([record.payload for record in records], default=str)
        assert not [name for name in others if name in text]
        if row["tenant"] not in AWAY:
            assert estate.installation.state(row["run_id"]).evidence
    assert estate.installation.journal.verify().ok


def test_answered_and_resumed_it_goes_on_and_does_nothing_twice(
    estate: Estate, first: tuple[str, dict[str, Any]]
) -> None:
    campaign_id, _ = first
    writes = {name: lab.writes for name, lab in estate.labs.items()}
    for _ in range(4):
        shown = estate.carry(campaign_id)
        asked = [estate.answer(row["run_id"]) for row in shown["tenants"] if row["status"] == "waiting_for_approval"]
        if not asked:
            break
    assert shown["counts"] == {"completed": 22, "paused_by_failed_step": 3}
    assert shown["status"] == "completed_with_exceptions"
    assert shown["unreachable"] == sorted(AWAY)
    for name, lab in estate.labs.items():
        new = lab.audit[len(lab.audit) - (lab.writes - writes[name]) :]
        assert {entry["service"] for entry in new} <= {"sink"}, "what was done is not done again"
    # They are back.
    estate.net.away = set()
    for _ in range(4):
        shown = estate.carry(campaign_id)
        for row in shown["tenants"]:
            if row["status"] == "waiting_for_approval":
                estate.answer(row["run_id"])
    assert shown["status"] == "completed"
    assert shown["unreachable"] == []
    assert estate.carry(campaign_id) == shown, "carried again, it finds nothing to do"


def test_a_campaign_that_dies_begins_no_child_twice(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = estate.start(tenants=TENANTS[:3], mode="plan")
    journal = estate.installation.journal
    real = journal.append
    count = 0

    def dies(tenant: str, events: Any, **more: Any) -> Any:
        nonlocal count
        if tenant == MSP and events[0].event == "campaign.child":
            count += 1
            raise JournalUnavailable("the disk is full")
        return real(tenant, events, **more)

    monkeypatch.setattr(journal, "append", dies)
    with pytest.raises(JournalUnavailable):
        estate.carry(campaign_id)
    assert count == 3, "each was carried as far as it goes"
    monkeypatch.setattr(journal, "append", real)
    runs = {index.run_id for index in journal.runs()}
    shown = estate.carry(campaign_id)
    assert shown["status"] == "planned"
    assert {row["run_id"] for row in shown["tenants"]} == {child_id(campaign_id, name) for name in TENANTS[:3]}
    assert len({index.run_id for index in journal.runs()} - runs) <= 3


def test_a_broken_file_is_that_clients_trouble_alone(estate: Estate) -> None:
    path = estate.installation.home.tenants / f"{TENANTS[5]}.yaml"
    text = path.read_text()
    campaign_id = estate.start(tenants=TENANTS[4:7], mode="plan")
    path.write_text("name: [")
    try:
        shown = estate.carry(campaign_id)
    finally:
        path.write_text(text)
    rows = {row["tenant"]: row for row in shown["tenants"]}
    assert rows[TENANTS[5]]["error"]["code"] == "invalid_tenant"
    assert (rows[TENANTS[4]]["status"], rows[TENANTS[6]]["status"]) == ("planned", "planned")
    assert shown["status"] == "completed_with_exceptions"
    assert estate.carry(campaign_id)["status"] == "planned"


def test_a_defect_at_one_client_ends_no_other(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = estate.start(tenants=TENANTS[:3], mode="plan")
    real = Provider.open

    async def breaks(self: Provider, settings: Any, secrets: Any) -> Any:
        if _names(settings, TENANTS[0], estate.labs[TENANTS[0]]):
            raise ZeroDivisionError("canary-of-a-defect")
        return await real(self, settings, secrets)

    monkeypatch.setattr(Provider, "open", breaks)
    monkeypatch.setattr(campaign, "_begun", _broken(campaign._begun, TENANTS[1]))
    shown = estate.carry(campaign_id)
    rows = {row["tenant"]: row for row in shown["tenants"]}
    assert rows[TENANTS[2]]["status"] == "planned"
    for name in TENANTS[:2]:
        assert rows[name]["error"]["code"] == "task_defect"
        assert "canary" not in json.dumps(rows[name])
    assert shown["status"] == "completed_with_exceptions"
    monkeypatch.undo()
    assert estate.carry(campaign_id)["status"] == "planned"


def _broken(real: Any, tenant: str) -> Any:
    def begun(installation: Installation, of: Any, runbook: Any, child: Any) -> RunState:
        if child.tenant == tenant:
            raise KeyError("canary-of-another")
        return real(installation, of, runbook, child)

    return begun


def test_unknown_tenants_and_campaigns_are_refused(estate: Estate) -> None:
    with pytest.raises(NotFound):
        estate.start(tenants=["nobody"])
    with pytest.raises(NotFound):
        find(campaign.campaigns(estate.installation), "0000000")


def test_the_command(estate: Estate, first: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(estate.installation.home.path))
    runner = CliRunner()
    listed = json.loads(runner.invoke(cli, ["campaign", "list", "--json"]).stdout)
    assert first[0] in [row["campaign_id"] for row in listed]
    shown = json.loads(runner.invoke(cli, ["campaign", "show", first[0][:8], "--json"]).stdout)
    assert len(shown["tenants"]) == 25
    assert TENANTS[7] in runner.invoke(cli, ["campaign", "show", first[0]]).stdout
    for wrong in (["--all", "--tenants", "x"], [], ["--tenants", "nobody"]):
        result = runner.invoke(cli, ["campaign", "start", "msp_tool_compromise", "-p", "tool=x", *wrong])
        assert result.exit_code == 2, wrong


@pytest.mark.parametrize(
    ("status", "code"),
    [("completed", 0), ("waiting_for_approval", 3), ("interrupted", 1), ("paused_by_failed_step", 1)],
)
def test_zero_means_that_every_client_is_done(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, status: str, code: int
) -> None:
    campaign_id = estate.start(tenants=TENANTS[:2])
    found = campaign.campaigns(estate.installation)[campaign_id]
    for child in found.children.values():
        child.status = status
    monkeypatch.setenv("TENANTRY_HOME", str(estate.installation.home.path))
    monkeypatch.setattr(campaign, "carry", lambda *_, **__: found)
    done = CliRunner().invoke(cli, ["campaign", "resume", found.campaign_id, "--json"])
    assert done.exit_code == code


def test_evidence_comes_before_every_effect_and_no_person_before_containment() -> None:
    from tenantry.discovery import TaskRegistry
    from tenantry.places import SHIPPED

    registry = TaskRegistry.discover(entry_points=False)
    runbook = load_runbook(SHIPPED / "incidents" / "msp_tool_compromise.yaml", registry)

    def above(step_id: str) -> set[str]:
        direct = runbook.upstream(step_id)
        return set(direct).union(*(above(name) for name in direct)) if direct else set()

    for step in runbook.steps:
        if issubclass(registry.get(step.uses), Task) and step.uses != "messenger.notify":
            assert {"tool", "activity"} <= above(step.id), step.id
            assert not [up for up in above(step.id) if runbook.step(up).uses.startswith("human.")]
