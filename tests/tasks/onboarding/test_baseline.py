"""The task around the judge: the record has counts and each policy's end, the evidence all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.onboarding.baseline import EVIDENCE, BaselineParams, CheckBaseline
from tenantry.errors import NoProvider, NotFound, Unreachable
from tenantry.sweep.check import Giver, Look
from tenantry.sweep.model import Sweep
from tenantry.task import Context, RunFacts
from tests.support.fakes import NOW
from tests.tasks.checks.looks import LOOK
from tests.tasks.incident.test_sweep_tenant import Evidence
from tests.tasks.measures.given import Given


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


async def read(looking: Looking, **params: Any) -> tuple[Any, dict[str, Any]]:
    evidence = Evidence()
    run = RunFacts("run-1", "acme", "run", NOW, "client_onboarding", "baseline")
    ctx = Context(run=run, capabilities={"looking": looking}, evidence=evidence, now=NOW)  # type: ignore[arg-type]  # as much of it as is used
    found = await CheckBaseline().read(ctx, BaselineParams(**params))
    return found, json.loads(evidence.stored[EVIDENCE])


async def test_who_has_nothing_connected_passes_nothing() -> None:
    looking = Looking()
    found, document = await read(looking)
    assert found.statuses == {"fail": 0, "unknown": 0, "for_person": 10, "pass": 0, "not_applicable": 0}
    assert all(one.ask for one in found.policies)
    assert "checks.identity.administrator_without_second_factor" in looking.asked
    assert [one["policy"] for one in document["policies"]] == [one.policy for one in found.policies]
    assert document["policies"][0]["maps"]["cis_v8"]


async def test_who_is_away_passes_nothing() -> None:
    found, _ = await read(Looking(NoProvider("x")))
    assert found.statuses["pass"] == 0
    found, _ = await read(Looking(Unreachable("away")))
    assert found.statuses == {"fail": 0, "unknown": 9, "for_person": 1, "pass": 0, "not_applicable": 0}


async def test_a_baseline_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(NotFound, match="'never_written'"):
        await read(Looking(), baseline="never_written")


def test_permissions_are_those_of_its_measures_and_checks() -> None:
    named = {permission.vendor: permission.names for permission in CheckBaseline.permissions}
    assert {"aws", "linux", "microsoft365"} == set(named)
    assert "RoleManagement.Read.Directory" in named["microsoft365"]
    assert named["linux"] == ("restic",)  # pending updates are read without sudo
