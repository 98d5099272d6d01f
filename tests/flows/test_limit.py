"""Prefect's own limit of a deployment's runs at once holds for our worker as for any other."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.flows.stand import TENANT, Stand
from tests.support.waiting import until


@pytest.fixture
def one_at_a_time(stand: Stand) -> Iterator[Stand]:
    """And a lab that takes its time, so that two runs would meet."""
    deployment = f"/deployments/{stand.deployment('plain')['id']}"
    stand.api.patch(deployment, json={"concurrency_limit": 1}).raise_for_status()
    httpx.post(f"{stand.lab_server.base_url}/_lab/faults", json={"latency_ms": 500}).raise_for_status()
    yield stand
    stand.lab.reset()
    stand.api.patch(deployment, json={"concurrency_limit": None}).raise_for_status()


def test_the_second_waits_for_the_first_and_is_not_lost(one_at_a_time: Stand) -> None:
    stand = one_at_a_time
    first, second = (stand.begin("plain", {"tenant": TENANT, "account": stand.victim}) for _ in range(2))
    states: set[str] = set()

    def ended() -> bool:
        states.update(stand.flow_run(run)["state_name"] for run in (first, second))
        return all(stand.state(run).ended for run in (first, second))

    until(ended, stand.worker_log)
    assert "AwaitingConcurrencySlot" in states
    with stand.opened() as installation:
        one, two = sorted(
            (
                [
                    r.entry.fields["ts"]
                    for r in installation.journal.records(run)
                    if r.event in ("run.attempt", "run.ended")
                ]
                for run in (first, second)
            ),
        )
    assert len(one) == len(two) == 2, "one of them was begun twice"
    assert one[1] <= two[0], "they met"
