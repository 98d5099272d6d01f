"""An activation is pinned to a runbook that is made of the client's plan; a drill of it ends, counts, and claims nothing that it did not look at."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.assembly import Installation
from flows.pinning import last_drill, plan_of, rehearsals
from flows.recording import prepare
from tenantry.decisions import approval_purpose, decide_all
from tenantry.errors import InvalidPlan, Refused
from tenantry.home import Home
from tenantry.people import Authenticated
from tenantry.run import Engine, Status
from tests.console.commands.test_dr import PLAN

NOBODY = {"person": None, "proven": False, "via": "test"}


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home").ensure()
    (home.tenants / "acme" / "disaster").mkdir(parents=True)
    contacts = "contacts: [{id: kim, name: Kim, role: primary, email: kim@acme.example}]\n"
    providers = "providers: {mail: {vendor: sink, settings: {base_url: 'https://sink.invalid'}}}\n"
    (home.tenants / "acme.yaml").write_text(f"name: acme\ndisplay_name: Acme\n{contacts}{providers}")
    (home.tenants / "other.yaml").write_text("name: other\ndisplay_name: Other\n")
    (home.tenants / "acme" / "disaster" / "acme_web.yaml").write_text(PLAN.replace("TENANT", "acme"))
    with Installation.open(home) as opened:
        opened.vault.create_tenant_key("acme")
        opened.people.add("ann.lee", "Ann", ("engineer",), "*")
        opened.people.enroll("ann.lee", by=None)
        yield opened


def begin(installation: Installation, tenant: str = "acme", mode: str = "drill") -> str:
    return prepare(installation, "disaster_activation", tenant, {"plan": "acme_web"}, mode, NOBODY)


async def carried(installation: Installation, run_id: str, mode: str = "drill"):
    async with installation.access("acme", mode) as access:
        return await Engine(installation.surroundings(), access).run(run_id)


def answer(installation: Installation, run_id: str) -> None:
    state = installation.state(run_id)
    person = installation.people.get("ann.lee")
    now = installation.journal.clock.now()
    proof = Authenticated(person, now, "totp", approval_purpose(run_id), "acme")
    decide_all(installation.journal, installation.people, state, state.open_gates()[:1], proof, "approve", "rehearsed")


async def test_a_drill_is_carried_out_counts_and_claims_nothing(installation: Installation) -> None:
    assert {one.rule for one in plan_of(installation, "acme_web", "acme").findings} >= {"drill"}
    run_id = await asyncio.to_thread(begin, installation)
    for _ in range(4):
        state = await carried(installation, run_id)
        if state.ended is not None:
            break
        answer(installation, run_id)
    assert state.ended in (Status.COMPLETED, Status.EXCEPTIONS), installation.view(run_id)
    steps = {step["id"]: step for step in installation.view(run_id)["steps"]}
    assert steps["web__start"]["outcome"] == "changed"
    assert "rehearsed" in steps["web__health"]["output"]["checks"][0]["said"]
    assert steps["report"]["output"]["badges"][0] == "drill"
    (trained,) = rehearsals(installation, "acme")
    assert (trained["person"], trained["plan"], trained["kind"]) == ("ann.lee", "acme_web", "drill")
    assert "Declare" in trained["did"]
    assert rehearsals(installation, "acme", "bob") == []
    assert "training-record.json" in {one["name"] for one in state.evidence}
    assert last_drill(installation, "acme", "acme_web") == datetime.now(UTC).date()
    assert "drill" not in {one.rule for one in plan_of(installation, "acme_web", "acme").findings}


def test_what_a_run_does_does_not_change_with_the_plans_file(installation: Installation) -> None:
    run_id = begin(installation)
    path = installation.home.tenants / "acme" / "disaster" / "acme_web.yaml"
    path.write_text(path.read_text().replace("web2", "web9"))
    runbook = installation.runbook_of(installation.state(run_id))
    assert runbook is not None
    assert runbook.step("web__start").with_["host"] == "web2"
    assert "+acme_web.1" in runbook.version


def test_another_clients_plan_is_not_found_and_a_broken_one_begins_nothing(installation: Installation) -> None:
    with pytest.raises(Exception, match="there is no plan"):
        begin(installation, "other")
    path = installation.home.tenants / "acme" / "disaster" / "acme_web.yaml"
    path.write_text(path.read_text().replace("tenant: acme", "tenant: other"))
    with pytest.raises(Refused, match="another client"):
        begin(installation)
    path.write_text("id: acme_web\n")
    with pytest.raises(InvalidPlan):
        begin(installation)
    assert installation.journal.runs() == []
