"""The client hears on the agreement's cadence: once each, only the latest, told from the record, until it is told that it is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.assembly import Installation
from flows.recording import prepare
from flows.telling import RUNBOOK, IncidentUpdates
from flows.updating import run_id_of
from tenantry.clock import SystemClock, rfc3339
from tenantry.home import Home
from tenantry.journal import Event
from tests.flows.test_sweep_schedule import Scheduled

TEXT = """\
id: told
version: 1
title: A mailbox that somebody else reads
kind: incident
params:
  account: {type: account, title: The account}
phases: [confirm, contain, report]
steps:
  - {id: team, title: Team, phase: confirm, uses: incident.assemble_team}
  - id: first_notice
    title: Tell the client
    phase: confirm
    uses: messenger.notify
    needs: [team]
    with:
      template: incident_first_notice
      to: [primary, security]
      facts: {client: Acme, account: a, severity: high, reference: r, next_update: "2026-11-20T09:00:00Z"}
  - {id: block, title: Block the sign-in, phase: contain, uses: identity.disable_sign_in, with: {account: "${params.account}"}}
  - id: closed_notice
    title: Tell the client that it is closed
    phase: report
    uses: messenger.notify
    needs: [block]
    with:
      template: incident_closed
      to: [primary]
      facts: {client: Acme, reference: r, accounts: [], dwell_minutes: 1, containment_minutes: 1, not_known: []}
"""
TENANT = """\
name: acme
display_name: Acme
contacts: [{id: kim, name: Kim, role: primary, email: kim@elsewhere.example}]
"""


class Later(SystemClock):
    """This machine's clock, set forward."""

    by = timedelta(0)

    def now(self):  # as its parent's
        return super().now() + self.by


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    home = Home(tmp_path / "home").ensure()
    (home.runbooks / "told.yaml").write_text(TEXT, encoding="utf-8")
    (home.tenants / "acme.yaml").write_text(TENANT, encoding="utf-8")
    with Installation.open(home) as made:
        made.vault.create_tenant_key("acme")
        made.journal.clock = Later()
        yield made


def later(installation: Installation, **by: float) -> None:
    clock = installation.journal.clock
    assert isinstance(clock, Later)
    clock.by = timedelta(**by)


def begin(installation: Installation, mode: str = "run") -> str:
    return prepare(
        installation, "told", "acme", {"account": "dana@acme.example"}, mode, {"person": None, "via": "alert"}
    )


def outcome(
    installation: Installation, run_id: str, step: str, what: str, output: dict[str, Any] | None = None
) -> None:
    started = rfc3339(installation.journal.clock.now())
    said = {"item": None, "started_at": started, "outcome": what, "output": output, "changes": []}
    event = Event("step.outcome", said, run_id, step, 1, what, ("told", "1"))
    installation.journal.append("acme", [event])


async def test_once_each_and_only_the_latest_until_it_is_closed(installation: Installation) -> None:
    scheduled = Scheduled()
    updates = IncidentUpdates(installation, scheduled)
    run_id = begin(installation)
    outcome(installation, run_id, "team", "observed", {"cadence_minutes": 60})
    later(installation, hours=3)
    assert await updates.look() == [], "the client has not been told of it yet"
    later(installation, hours=0)
    outcome(installation, run_id, "first_notice", "changed")
    assert await updates.look() == [], "an hour is not over"
    outcome(installation, run_id, "block", "failed")
    later(installation, hours=2, minutes=10)
    assert await updates.look() == [run_id_of(run_id, 2)]
    assert await updates.look() == []
    (state,) = scheduled.runs
    assert (state.runbook, state.params["contacts"]) == (RUNBOOK, ["primary", "security"])
    assert state.params["at_risk"] == ["dana@acme.example"]
    assert "Block the sign-in: failed" in state.params["not_known"]
    assert "Whether the threat is contained: that is not verified yet" in state.params["not_known"]
    assert (state.params["known"], state.params["done"]) == ([], [])
    outcome(installation, run_id, "block", "changed", {"contained": True})
    later(installation, hours=3, minutes=10)
    assert await updates.look() == [run_id_of(run_id, 3)]
    assert scheduled.runs[-1].params["known"] == ["It was verified that the threat is contained"]
    assert scheduled.runs[-1].params["done"] == ["Block the sign-in"]
    outcome(installation, run_id, "closed_notice", "changed")
    later(installation, hours=5)
    assert await updates.look() == [], "the client was told that it is closed"


async def test_a_drill_tells_nobody(installation: Installation) -> None:
    run_id = begin(installation, "drill")
    outcome(installation, run_id, "team", "observed", {"cadence_minutes": 60})
    outcome(installation, run_id, "first_notice", "changed")
    later(installation, hours=5)
    assert await IncidentUpdates(installation, Scheduled()).look() == []
