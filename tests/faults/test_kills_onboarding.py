"""An onboarding killed by SIGKILL: while it waits for a contact and for approvals, while it rotates, while it sweeps and opens incidents.

The client is one that somebody broke into, so that everything a run can do is done: nobody is asked twice, one live credential is left, and
one incident stands for what was found.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from console import labtenant
from flows.onboarding_hand import AGREED
from tasks.onboarding.record_agreement import RecordAgreement
from tenantry.run import RunState, Status
from tests.support.faults import Job, Kill, Zygote
from tests.support.taken_on import APP, Client, client

SIGKILLED = -9
WHERE = ("append_before", "append_after", "write_before", "write_during", "write_after")
GO_ON: Final = {"onboarding": {"on_breach": "go_on"}}
QUICK = (
    Kill("append_after", 1, what="approval.requested collect"),
    Kill("write_during", 1, what="/addPassword"),  # whether the service has a new one is not known
    Kill("append_before", 1, what="step.outcome sweep"),
    Kill("append_after", 1, what="run.created"),  # the incident's, before the step that opened it says so
)
# One after another in every run: what stands beside something else may have passed before its turn.
MORE = (
    Kill("append_before", 1, what="approval.requested agreed"),
    Kill("append_before", 1, what="approval.requested collect"),
    Kill("write_before", 1, what="/addPassword"),
    Kill("write_after", 1, what="vault/"),  # the new one is stored, and no entry says so
    Kill("append_before", 1, what="step.outcome use"),
    Kill("write_after", 1, what="/removePassword"),
    Kill("append_after", 1, what="step.outcome sweep"),
    Kill("append_before", 1, what="run.created"),
    Kill("append_before", 1, what="step.outcome report"),
)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("tests.support.taken_on", "integrations.microsoft365.provider", "integrations.lab.provider") as made:
        yield made


def carried(acme: Client, zygote: Zygote, *kills: Kill) -> tuple[RunState, list[Kill]]:
    """A new run, killed at each of these moments, the next one after the one before, and resumed until it ends. Whatever is asked
    is answered, and handed over.

    Returns:
        how it ended, and the kills that never came.
    """
    run, left = acme.begin(), list(kills)
    for _ in range(60):
        kill = left[0] if left else Kill()
        (code,) = zygote.run(
            Job(
                folder=str(acme.installation.home.path),
                run_id=run,
                base_url=acme.base_url,
                scenario="bec",
                seed=1,
                users=20,
                kill=asdict(kill),
                installed=True,
            )
        )
        assert code in (0, SIGKILLED)
        if code == SIGKILLED:
            left.pop(0)
            continue
        state = acme.installation.state(run)
        if state.ended is not None:
            return state, left
        acme.answer_all(run)
    raise AssertionError(acme.installation.view(run)["waiting_for"])


def stands(acme: Client, state: RunState) -> None:
    """Everything is as after a run that nobody interrupted."""
    journal, run = acme.installation.journal, state.run_id
    errors = {one["id"]: one["error"] for one in acme.installation.view(run)["steps"] if one["error"]}
    assert state.ended is Status.COMPLETED, errors
    assert acme.rotated()
    own = acme.lab.own_registration
    assert own is not None
    assert len(own.props["passwordCredentials"]) == 1
    # The lab's, which was deleted; what was handed over; one new one.
    assert acme.installation.vault.versions(acme.name, APP)[0].version == 3
    assert not [one for one in acme.installation.vault.list(acme.name) if one.name.startswith("rotations/")]
    incidents = [one for one in journal.runs(acme.name) if one.runbook == "business_email_compromise"]
    assert len(incidents) == 1
    assert acme.installation.view(run)["opened"] == [incidents[0].run_id]
    assert acme.installation.view(incidents[0].run_id)["opened_by"] == run
    asked = [one for one in journal.records(run) if one.event == "approval.requested"]
    assert len(asked) == len({one.step for one in asked})  # nobody was asked twice
    assert len(journal.of(acme.name, AGREED)) == 1, RecordAgreement.name
    risks = [one.id for one in acme.risks().open()]
    assert risks
    assert len(risks) == len(set(risks))
    tenant = acme.installation.tenants.get(acme.name)
    assert (tenant.service_team.lead, tenant.sweep.every_hours) == (labtenant.LEAD, 24)
    assert {"onboarding-report.html", "onboarding-report.pdf"} <= {one["name"] for one in state.evidence}
    assert journal.verify().ok


def survives(folder: Path, zygote: Zygote, *kills: Kill) -> list[Kill]:
    with client(folder, scenario="bec", more=GO_ON) as acme:
        state, left = carried(acme, zygote, *kills)
        stands(acme, state)
    return left


@pytest.mark.parametrize("kills", [QUICK, pytest.param(MORE, marks=pytest.mark.torture)], ids=["quick", "more"])
def test_killed_while_it_waits_rotates_and_sweeps(kills: tuple[Kill, ...], tmp_path: Path, zygote: Zygote) -> None:
    assert survives(tmp_path, zygote, *kills) == []


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", WHERE)
def test_killed_everywhere(where: str, tmp_path: Path, zygote: Zygote) -> None:
    """Each stretch between two answers is killed at its first, second, third, fifth … such moment, until none has so many."""
    nth, following = 1, 2
    while True:
        folder = tmp_path / str(nth)
        left = survives(folder, zygote, *(Kill(where, nth) for _ in range(6)))
        if len(left) == 6:
            assert nth > 3
            return
        nth, following = following, nth + following


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again(seed: int, tmp_path: Path, zygote: Zygote) -> None:
    dice = random.Random(seed)
    kills: list[Any] = [Kill(dice.choice(WHERE), dice.randint(1, 9)) for _ in range(12)]
    survives(tmp_path, zygote, *kills)
