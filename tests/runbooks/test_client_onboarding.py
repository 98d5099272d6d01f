"""Taking a client on, from what was agreed to what stands at the end: on a lab over real HTTP, with credentials through the drop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.run import Status
from tests.support.taken_on import Client, client


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Client]:
    with client(tmp_path) as made:
        yield made


async def until_collected(acme: Client, run: str) -> None:
    await acme.carry(run)
    assert acme.waits(run) == [("agreed", None)]
    acme.answer(run, "agreed")
    await acme.carry(run)
    assert acme.waits(run) == [("enroll", None)]
    acme.enroll()
    acme.answer(run, "enroll")
    await acme.carry(run)
    assert acme.waits(run) == [("collect", "owner")]


async def test_a_clean_client_from_the_agreement_to_the_schedules(acme: Client) -> None:
    run = acme.begin()
    await until_collected(acme, run)
    assert sorted(acme.hand_over(run, "collect")) == sorted(acme.secrets)
    await acme.carry(run)
    assert acme.waits(run) == [("by_hand", None)]
    acme.answer(run, "by_hand", "deny")
    state = await acme.carry(run)
    assert state.ended is Status.COMPLETED, acme.installation.view(run)["steps"]
