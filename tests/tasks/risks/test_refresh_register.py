"""Risks from what a run found: once each, read back, undone; what a person said stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.risks.refresh_register import RefreshParams, RefreshRegister
from tenantry.discovery import TaskRegistry
from tenantry.errors import CannotCheck, Conflict
from tenantry.risk.model import Register
from tenantry.risk.register import Act, RiskRegister
from tenantry.task import Change, Context, RunFacts
from tests.support.fakes import NOW
from tests.support.stand import Stand

P = RefreshParams()


class Recorded:
    """A run with a sweep and a baseline behind it; None: no such step."""

    def __init__(self, findings: list[Any] | None, policies: list[Any] | None) -> None:
        self.kept: dict[str, Any] = {}
        if findings is not None:
            self.kept["incident.sweep_tenant"] = {"findings": findings}
        if policies is not None:
            self.kept["compliance.assess"] = {"baselines": [{"id": "msp", "policies": policies}]}

    async def run(self, run_id: str) -> dict[str, Any]:
        del run_id
        steps = [{"task": task, "outcome": "observed", "output": {"evidence": {"sha256": task}}} for task in self.kept]
        return {"steps": [*steps, {"task": "incident.sweep_tenant", "outcome": "failed", "output": None}]}

    async def evidence(self, run_id: str, sha256: str) -> bytes:
        del run_id
        return json.dumps(self.kept[sha256]).encode()


class Risks:
    """The capability over a real register."""

    def __init__(self, register: RiskRegister) -> None:
        self.register = register

    async def read(self, run_id: str) -> Register:
        del run_id
        return self.register.read()

    async def append(self, run_id: str, acts: list[Act], seen: int) -> None:
        self.register.append(acts, by=f"run {run_id}", run=run_id, seen=seen)


def finding(rule: str, entity: str, severity: str = "high") -> dict[str, Any]:
    base = {"id": f"f-{rule}-{entity}", "rule": rule, "title": f"Title of {rule}", "remedy": "Look."}
    return {**base, "severity": severity, "entity": {"type": "account", "id": entity}, "evidence": {"summary": "seen"}}


def policy(name: str, status: str, by: str = "measures.x", about: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        **{"policy": name, "title": f"Policy {name}", "status": status, "why": "because", "remedy": "Mend it."},
        **{"about": list(about), "about_total": len(about), "answers": [{"by": by, "status": status, "why": ""}]},
        "risk": {"title": f"Risk of {name}", "likelihood": "moderate", "impact": "high"},
    }


@pytest.fixture
def register(tmp_path: Path) -> Iterator[RiskRegister]:
    stand = Stand(tmp_path, TaskRegistry())
    yield RiskRegister(stand.journal, "acme")
    stand.close()


def context(register: RiskRegister, findings: Any, policies: Any = None, run: str = "run-1", **more: Any) -> Context:
    team = [{"role": "technical_lead", "person": "sam.eng", "contact": None, "deputy": None}]
    return Context(
        run=RunFacts(run, "acme", "run", NOW, "client_onboarding", "risks"),
        capabilities={"risks": Risks(register), "recorded": Recorded(findings, policies)},
        evidence=None,  # type: ignore[arg-type]  # not used
        now=NOW,
        subject={"response_team": team},
        **more,
    )


async def done(ctx: Context) -> list[Change]:
    """Check, apply, verify; returns the changes as the record has them."""
    task = RefreshRegister()
    changes = await task.check(ctx, P)
    await task.apply(ctx, P, changes)
    assert await task.verify(ctx, P, changes) == []
    return [Change.model_validate(json.loads(one.model_dump_json())) for one in changes]


FOUND = [finding("rule_a", "anna"), finding("rule_a", "bob", "critical"), finding("rule_b", "web1", "low")]


async def test_one_for_each_rule_and_each_measure_that_failed(register: RiskRegister) -> None:
    stood = [policy("mfa", "fail", about=("carl",)), *(policy(s, s) for s in ("pass", "unknown", "for_person"))]
    await done(context(register, FOUND, stood))
    risks = {one.source.ref: one for one in register.read().open()}
    assert set(risks) == {"rule_a", "msp/mfa"}  # what is low, met, not known or asked is no risk yet
    assert (risks["rule_a"].level, risks["rule_a"].source.about) == ("very_high", ("anna", "bob"))
    assert (risks["msp/mfa"].level, risks["msp/mfa"].title) == ("moderate", "Risk of mfa")
    assert {one.owner for one in risks.values()} == {"person:sam.eng"}
    assert {one.treatment for one in risks.values()} == {None}


async def test_a_second_run_doubles_nothing(register: RiskRegister) -> None:
    stood = [policy("mfa", "fail")]
    await done(context(register, FOUND, stood))
    before = register.read()
    assert await RefreshRegister().check(context(register, FOUND, stood, run="run-2"), P) == []
    await done(context(register, [*FOUND, finding("rule_a", "dora")], stood, run="run-2"))
    after = register.read()
    assert list(after.risks) == list(before.risks)
    assert next(one for one in after.open() if one.source.ref == "rule_a").source.about == ("anna", "bob", "dora")
    assert after.entries == before.entries + 1


async def test_what_a_failed_measure_covers_is_no_risk_of_its_own_and_weighs_no_less(register: RiskRegister) -> None:
    await done(context(register, FOUND, [policy("mfa", "fail", by="rule_a")]))
    [risk] = register.read().open()
    assert (risk.source.ref, risk.level) == ("msp/mfa", "very_high")


async def test_what_a_person_said_stays(register: RiskRegister) -> None:
    await done(context(register, FOUND))
    [risk] = register.read().open()
    register.treat(risk.id, "accept", reason="agreed", by="ann", owner="contact:jo", likelihood="low", impact="low")
    await done(context(register, [*FOUND, finding("rule_a", "dora", "critical")], run="run-2"))
    [after] = register.read().open()
    assert (after.treatment, after.level, after.owner, after.source.count) == ("accept", "low", "contact:jo", 3)


async def test_what_was_closed_opens_again_and_is_decided_anew(register: RiskRegister) -> None:
    await done(context(register, FOUND))
    [risk] = register.read().open()
    register.treat(risk.id, "mitigate", reason="being done", by="ann")
    register.close(risk.id, reason="done", by="ann")
    changes = await done(context(register, FOUND, run="run-2"))
    [again] = register.read().open()
    assert (again.id, again.treatment) == (risk.id, None)
    await RefreshRegister().undo(context(register, FOUND, run="run-2"), P, changes)
    back = register.read().risks[risk.id]
    assert (back.status, back.treatment, back.reason) == ("closed", "mitigate", "done")


async def test_a_policys_risk_is_closed_once_it_is_met_and_by_nothing_less(register: RiskRegister) -> None:
    await done(context(register, FOUND, [policy("mfa", "fail"), policy("logs", "fail")]))
    for status in ("unknown", "for_person", "not_applicable"):  # nobody saw that it is mended
        again = context(register, FOUND, [policy("mfa", status)], run="run-2")
        assert await RefreshRegister().check(again, P) == [], status
    met = context(register, None, [policy("mfa", "pass")], run="run-3")
    changes = await done(met)
    risks = {one.source.ref: one for one in register.read().risks.values()}
    assert {name: one.status for name, one in risks.items()} == {
        **{"rule_a": "open", "msp/mfa": "closed", "msp/logs": "open"},
    }
    assert risks["msp/mfa"].reason == f"msp/mfa was met on {NOW.date().isoformat()}: because"
    for _ in range(2):
        await RefreshRegister().undo(met, P, changes)
        assert register.read().risks[risks["msp/mfa"].id].status == "open"
        assert await RefreshRegister().verify_undone(met, P, changes)
    await done(met)
    await done(context(register, None, [policy("mfa", "fail")], run="run-4"))
    assert register.read().risks[risks["msp/mfa"].id].status == "open"


async def test_an_exception_ends_no_risk_and_stands_in_it_until_its_day(register: RiskRegister) -> None:
    held = {"until": "2027-03-31", "approved_by": "ann", "reason": "a scanner", "control": "its network is closed"}
    await done(context(register, None, [{**policy("mfa", "excepted"), "exception": held}]))
    [risk] = register.read().open()
    assert "Excepted until 2027-03-31, approved by ann" in risk.detail
    await done(context(register, None, [{**policy("mfa", "fail"), "exception": held}], run="run-2"))
    [risk] = register.read().open()
    assert "Excepted" not in risk.detail


async def test_undone_and_again(register: RiskRegister) -> None:
    ctx = context(register, FOUND, [policy("mfa", "fail")])
    changes = await done(ctx)
    for _ in range(2):  # repeatable
        await RefreshRegister().undo(ctx, P, changes)
        assert register.read().open() == []
        assert await RefreshRegister().verify_undone(ctx, P, changes)
    await done(ctx)
    assert len(register.read().open()) == 2


async def test_an_update_is_taken_back_and_nothing_else(register: RiskRegister) -> None:
    await done(context(register, FOUND))
    [before] = register.read().open()
    ctx = context(register, [*FOUND, finding("rule_a", "dora")], run="run-2")
    changes = await done(ctx)
    await RefreshRegister().undo(ctx, P, changes)
    [after] = register.read().open()
    assert after.source == before.source


async def test_what_somebody_decided_since_is_not_undone(register: RiskRegister) -> None:
    ctx = context(register, FOUND)
    changes = await done(ctx)
    [risk] = register.read().open()
    register.treat(risk.id, "mitigate", reason="being done", by="ann")
    with pytest.raises(Conflict):
        await RefreshRegister().undo(ctx, P, changes)
    assert register.read().risks[risk.id].status == "open"


async def test_a_run_that_looked_at_nothing_says_so(register: RiskRegister) -> None:
    with pytest.raises(CannotCheck):
        await RefreshRegister().check(context(register, None), P)
    assert await RefreshRegister().check(context(register, []), P) == []


async def test_a_plan_tells_each_once(register: RiskRegister) -> None:
    [change] = await RefreshRegister().check(context(register, FOUND), P)
    assert (change.before, change.after["set"]["title"]) == (None, "Title of rule_a")
    assert await RefreshRegister().check(context(register, FOUND, planned={change.path: change.after}), P) == []
    assert register.read().risks == {}


async def test_which_findings_count_is_the_runbooks_to_say(register: RiskRegister) -> None:
    assert len(await RefreshRegister().check(context(register, FOUND), RefreshParams(least="low"))) == 2
