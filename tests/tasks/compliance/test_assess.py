"""The task around judge and memory: what fell is told, a client of whom nothing could be told fails the step with its evidence kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.compliance.assess import EVIDENCE, Assess, AssessParams
from tenantry.baseline.remembered import Said
from tenantry.capabilities import ConnectedSystem
from tenantry.errors import CannotCheck, NoProvider, NotFound, PermissionMissing, Unreachable
from tenantry.sweep.check import Giver, Look
from tenantry.sweep.model import Sweep
from tenantry.task import Context, RunFacts
from tests.support.fakes import NOW
from tests.tasks.checks.looks import LOOK
from tests.tasks.incident.test_sweep_tenant import Evidence
from tests.tasks.measures.given import Given

HOSTS = "linux_foundations"


class Looking:
    """A client with nothing that anybody could look at, or whose every system is away."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    async def look(self, now: Any, days: int) -> Look:
        del now, days
        return LOOK

    def given(self, needs: Any, look: Look) -> Giver:
        if "looking" in needs:
            return Given(look, looking=self)
        return Given(look) if self.error is None else Away(look, self.error)

    async def systems(self, known: Any = ()) -> list[ConnectedSystem]:
        del known
        if self.error is None:
            return [ConnectedSystem(key="messages", vendor="sink", works=None)]
        why = str(self.error)
        return [
            ConnectedSystem(key="m365", vendor="microsoft365", works=not isinstance(self.error, Unreachable), why=why)
        ]

    async def restores(self, since: Any) -> list[Any]:
        del since
        return []

    async def checked(self, checks: Any, look: Look) -> Sweep:
        del look
        self.asked = [check.name for check in checks]
        found = Sweep("tenant")
        status = "not_applicable" if self.error is None else "unknown"
        found.checks = [{"check": one.name, "title": one.title, "status": status, "looked_at": 0} for one in checks]
        found.could_not_check = [{"check": one.name, "why": "away"} for one in checks] if self.error else []
        return found


class Away(Given):
    def __init__(self, look: Look, error: Exception) -> None:
        super().__init__(look)
        self.error = error

    async def capability(self, name: str) -> Any:
        raise self.error


class Compliance:
    """What people said, and how policies stood before."""

    def __init__(self, **earlier: dict[str, Any]) -> None:
        self.before = earlier
        self.asked: list[str] = []

    async def said(self) -> Said:
        return Said({}, {})

    async def earlier(self, run_id: str, baselines: Any) -> dict[str, Any]:
        assert run_id == "run-1"
        self.asked = list(baselines)
        return self.before


async def read(looking: Any, compliance: Compliance, *baselines: str, **more: Any) -> tuple[Any, dict[str, Any]]:
    evidence = Evidence()
    run = RunFacts("run-1", "acme", "run", NOW, "compliance_sweep", "assess")
    capabilities: Any = {"looking": looking, "compliance": compliance}
    ctx = Context(run=run, capabilities=capabilities, evidence=evidence, now=NOW)  # type: ignore[arg-type]  # as much of it as is used
    try:
        found = await Assess().read(ctx, AssessParams(baselines=list(baselines), **more))
    except (CannotCheck, Unreachable) as problem:
        return problem, json.loads(evidence.stored[EVIDENCE])
    return found, json.loads(evidence.stored[EVIDENCE])


class Failing(Looking):
    """One reading that finds an administrator without a second factor."""

    async def checked(self, checks: Any, look: Any) -> Any:
        from tenantry.sweep.model import Finding

        sweep = await super().checked(checks, look)
        name = "checks.identity.administrator_without_second_factor"
        for one in sweep.checks:
            if one["check"] == name:
                one |= {"status": "fail", "looked_at": 3}
        sweep.findings = [
            Finding(name, "No MFA", "high", ("T1078",), {"type": "account", "id": "adm@acme.example"}, "")
        ]
        return sweep


async def test_what_fell_is_told_and_what_always_failed_is_not() -> None:
    first, document = await read(Failing(), Compliance(), "msp_onboarding")
    assert first.alerts == []
    assert first.baselines[0].statuses["fail"] == 1
    [baseline] = document["baselines"]
    stood = {one["policy"]: one for one in baseline["policies"]}
    assert stood["administrator_second_factor"]["change"] == "new"
    stood["administrator_second_factor"] |= {"status": "pass", "stood": "pass"}
    again, _ = await read(Failing(), Compliance(msp_onboarding=stood), "msp_onboarding")
    assert again.baselines[0].fell == ["administrator_second_factor"]
    [alert] = again.alerts
    assert (alert.policy, alert.about) == ("administrator_second_factor", ["adm@acme.example"])


async def test_of_whom_nothing_can_be_told_the_step_fails_with_its_evidence() -> None:
    error, document = await read(Looking(PermissionMissing("no")), Compliance(), "msp_onboarding", HOSTS)
    assert isinstance(error, CannotCheck)
    assert [one["id"] for one in document["baselines"]] == ["msp_onboarding", HOSTS]
    assert {one["status"] for of in document["baselines"] for one in of["policies"]} <= {"unknown", "for_person"}


async def test_a_client_who_cannot_be_reached_is_told_apart() -> None:
    """Some of its systems answer, or none says whether it does: then it is not that."""
    error, document = await read(Looking(Unreachable("no connection")), Compliance(), HOSTS)
    assert isinstance(error, Unreachable)
    assert "m365: no connection" in error.message
    assert document["baselines"]
    error, _ = await read(Looking(), Compliance(), HOSTS)
    assert isinstance(error, CannotCheck)


async def test_a_report_follows_that_tells_each_of_them() -> None:
    """As where a client is taken on: who has nothing connected, or whose every system is away, passes nothing."""
    looking = Looking()
    found, document = await read(looking, Compliance(), "msp_onboarding", if_nothing_could_be_told="report")
    none = {"fail": 0, "excepted": 0, "unknown": 0, "for_person": 10, "pass": 0, "not_applicable": 0}
    assert found.baselines[0].statuses == none
    [baseline] = document["baselines"]
    assert all(one["ask"] for one in baseline["policies"])
    assert baseline["policies"][0]["maps"]["cis_v8"]
    assert "checks.identity.administrator_without_second_factor" in looking.asked
    found, _ = await read(Looking(NoProvider("x")), Compliance(), "msp_onboarding", if_nothing_could_be_told="report")
    assert found.baselines[0].statuses["pass"] == 0
    found, _ = await read(
        Looking(Unreachable("away")), Compliance(), "msp_onboarding", if_nothing_could_be_told="report"
    )
    assert found.baselines[0].statuses == {**none, "unknown": 9, "for_person": 1}


async def test_a_baseline_counts_once_and_one_that_is_not_there_is_refused() -> None:
    compliance = Compliance()
    await read(Failing(), compliance, "msp_onboarding", "msp_onboarding")
    assert compliance.asked == ["msp_onboarding"]
    with pytest.raises(NotFound, match="'never_written'"):
        await read(Failing(), compliance, "never_written")


def test_where_the_runbook_names_the_baselines_permissions_are_theirs() -> None:
    named = {one.vendor: one.names for one in Assess.permissions_for({"baselines": ["msp_onboarding"]})}
    assert {"aws", "linux", "microsoft365"} == set(named)
    assert named["linux"] == ("restic",)  # pending updates are read without sudo
    asked = Assess.permissions_for({"baselines": "${params.baselines}"})
    assert asked == Assess.permissions


def test_permissions_are_those_of_all_that_is_shipped() -> None:
    named = {permission.vendor: set(permission.names) for permission in Assess.permissions}
    assert {"sshd", "nft"} <= named["linux"]
    assert "RoleManagement.Read.Directory" in named["microsoft365"]
