"""A compliance campaign: nobody is lost, who is throttled is slower and whole, who cannot be reached is named, and a resumed one goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import campaign
from flows.complying import RUNBOOK, assessment_of
from integrations.lab import FaultPlan
from integrations.lab.faults import Scripted
from tenantry.errors import JournalUnavailable
from tenantry.journal import MSP
from tests.flows.test_campaign import Estate

CLIENTS = [f"client-{number}" for number in range(6)]
AWAY, SLOW = CLIENTS[4], CLIENTS[1]
REFUSED = Scripted.model_validate(
    {"match": {"path": "conditionalAccess"}, "nth": list(range(1, 7)), "fault": "throttle", "style": "none"}
)
"""More often than a call is tried, and without saying for how long, as Graph does there."""
REQUESTER = {"person": None, "proven": False, "via": "test"}


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    made = Estate(tmp_path, CLIENTS, "clean")
    for name in CLIENTS:
        path = made.installation.tenants.path(name)
        file = yaml.safe_load(path.read_text())
        for other in ("hosts", "cloud"):  # which are not behind the made network
            del file["providers"][other]
        path.write_text(yaml.safe_dump(file))
    yield made
    made.installation.close()


def told(estate: Estate, run_id: str) -> dict[str, str]:
    """Policy of Entra ID → how it stands."""
    document = assessment_of(estate.installation, estate.installation.state(run_id))
    assert document is not None
    return {
        one["policy"]: one["status"]
        for of in document["baselines"]
        for one in of["policies"]
        if of["id"] == "scuba_entra"
    }


def test_a_campaign_that_dies_goes_on_where_it_was(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    estate.net.away = {AWAY}
    estate.labs[SLOW].faults.set(FaultPlan(throttle_rate=0.4, retry_after_s=0, seed=7, script=[REFUSED]))
    campaign_id = campaign.prepare(estate.installation, RUNBOOK, CLIENTS, {}, "run", REQUESTER)
    journal = estate.installation.journal
    real, noted = journal.append, 0

    def dies(tenant: str, events: Any, **more: Any) -> Any:
        nonlocal noted
        if tenant == MSP and events[0].event == "campaign.child":
            noted += 1
            if noted > 2:
                raise JournalUnavailable("the disk is full")
        return real(tenant, events, **more)

    monkeypatch.setattr(journal, "append", dies)
    with pytest.raises(JournalUnavailable):
        estate.carry(campaign_id)
    monkeypatch.setattr(journal, "append", real)
    shown = campaign.campaigns(estate.installation)[campaign_id]
    assert sum(child.status != "not_begun" for child in shown.children.values()) == 2
    entries = {name: len(journal.records(child.run_id)) for name, child in shown.children.items()}

    view = estate.carry(campaign_id)
    assert view["counts"] == {"completed": 5, "paused_by_failed_step": 1}
    assert (view["status"], view["unreachable"]) == ("completed_with_exceptions", [AWAY])
    rows = {row["tenant"]: row["run_id"] for row in view["tenants"]}
    for name in CLIENTS:
        if name != AWAY:
            assert len(journal.records(rows[name])) == entries[name], "who was swept is not swept again"
    others = told(estate, rows[CLIENTS[0]])
    assert told(estate, rows[SLOW]) == others
    assert "unknown" not in others.values()
    assert {"pass", "fail"} <= set(others.values())

    estate.net.away = set()
    view = estate.carry(campaign_id)
    assert (view["status"], view["unreachable"]) == ("completed", [])
    assert told(estate, rows[AWAY]) == others
