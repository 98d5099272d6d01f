"""What was measured in this run is held against the client's insurance; without either there is nothing to say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.compliance.read_readiness import EVIDENCE, ReadReadiness
from tenantry.errors import CannotCheck
from tenantry.insurance.readiness import digest_of
from tenantry.task import Context, NoParams, RunFacts
from tests.support.fakes import NOW
from tests.tasks.incident.test_sweep_tenant import Evidence
from tests.tenantry.insurance.made import BASELINES, INSURER


class Recorded:
    """A run whose steps kept this: task → document."""

    def __init__(self, **kept: Any) -> None:
        self.kept = kept

    async def run(self, run_id: str) -> dict[str, Any]:
        del run_id
        steps = [
            {"task": f"compliance.{task}", "outcome": "observed", "output": {"evidence": {"sha256": task}}}
            for task in self.kept
        ]
        return {"steps": steps}

    async def evidence(self, run_id: str, sha256: str) -> bytes:
        del run_id
        return json.dumps(self.kept[sha256]).encode()


def context(recorded: Recorded, insurer: Any, evidence: Evidence) -> Context:
    run = RunFacts("run-1", "acme", "run", NOW, "insurance_readiness", "readiness")
    capabilities: Any = {"recorded": recorded}
    subject = {"display_name": "Acme Ltd", "insurer": insurer}
    return Context(run=run, capabilities=capabilities, evidence=evidence, now=NOW, subject=subject)  # type: ignore[arg-type]  # as much of it as is used


async def test_what_was_measured_is_held_against_the_policy() -> None:
    evidence = Evidence()
    found = await ReadReadiness().read(
        context(Recorded(assess={"baselines": BASELINES}), INSURER, evidence), NoParams()
    )
    assert found.counts == {"not_met": 2, "not_known": 2, "met": 1, "not_applicable": 1}
    assert not found.ready
    assert found.digest == digest_of(json.loads(evidence.stored[EVIDENCE]))
    assert any(line.startswith("MFA for everybody: MET") for line in found.lines)


async def test_without_an_insurer_or_a_measuring_nothing_is_said() -> None:
    with pytest.raises(CannotCheck, match="insurer"):
        await ReadReadiness().read(context(Recorded(assess={"baselines": BASELINES}), None, Evidence()), NoParams())
    with pytest.raises(CannotCheck, match="baseline"):
        await ReadReadiness().read(context(Recorded(), INSURER, Evidence()), NoParams())
