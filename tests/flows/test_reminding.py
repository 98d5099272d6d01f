"""A reminder of a question is a run of its own, once: to whom it goes, what it says, and that no second one is begun for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from flows.reminding import RUNBOOK, Reminders, run_id_of
from tenantry.errors import NotFound, TenantryError
from tenantry.run import Gate, RunState
from tests.support.taken_on import Client, client


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with client(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture(scope="module")
def waiting(acme: Client) -> str:
    """A run that waited for its lead, and waits for the contact."""
    run = acme.begin()
    asyncio.run(acme.agree_and_enroll()(run))
    return run


def asked(acme: Client, run: str, step: str) -> tuple[RunState, Gate]:
    state = acme.installation.state(run)
    return state, next(gate for gate in state.gates.values() if gate.step == step)


def reminder(acme: Client, state: RunState, gate: Gate, number: int) -> RunState:
    return acme.installation.state(run_id_of(state, gate, number))


async def test_a_contact_is_reminded_and_in_the_end_their_executive_too(acme: Client, waiting: str) -> None:
    state, gate = asked(acme, waiting, "collect")
    for number in (1, 2, 3):
        await Reminders(acme.installation)(state, gate, number)
    first, _, last = (reminder(acme, state, gate, number) for number in (1, 2, 3))
    assert (first.runbook, first.tenant, first.mode) == (RUNBOOK, acme.name, "run")
    assert (first.params["level"], first.params["contacts"]) == ("remind", ["owner"])
    assert (last.params["level"], last.params["contacts"]) == ("escalate", ["owner", "executive"])
    assert (first.params["run"], first.params["step"]) == (waiting, "collect")
    assert first.params["what"] == "Credentials, from each contact who has some"
    assert first.params["owner"] == "contact owner"
    assert first.params["since"].endswith(" UTC")
    assert first.params["until"] > first.params["since"]
    assert (first.requester["via"], first.requester["proven"]) == ("reminder", False)


async def test_of_our_own_people_no_contact_hears(acme: Client, waiting: str) -> None:
    state, gate = asked(acme, waiting, "agreed")
    for number in (1, len(gate.reminders)):
        await Reminders(acme.installation)(state, gate, number)
        assert reminder(acme, state, gate, number).params["contacts"] == []
    assert reminder(acme, state, gate, 1).params["owner"] == "lead"


async def test_whoever_died_after_recording_it_begins_none_twice(acme: Client, waiting: str) -> None:
    state, gate = asked(acme, waiting, "collect")
    await Reminders(acme.installation)(state, gate, 1)
    before = [one.run_id for one in acme.installation.journal.runs(acme.name)]
    await Reminders(acme.installation)(state, gate, 1)
    assert [one.run_id for one in acme.installation.journal.runs(acme.name)] == before


async def test_another_question_has_reminders_of_its_own(acme: Client, waiting: str) -> None:
    state, gate = asked(acme, waiting, "collect")
    later = {**gate.request, "requested_at": "2027-01-01T00:00:00Z"}  # asked again, after it lapsed
    ids = {run_id_of(state, gate, 1), run_id_of(state, gate, 2), run_id_of(state, replace(gate, request=later), 1)}
    assert len(ids) == 3


async def test_a_broken_file_is_said_and_nothing_is_recorded(acme: Client, waiting: str) -> None:
    state, gate = asked(acme, waiting, "enroll")
    good = acme.file.read_text(encoding="utf-8")
    acme.file.write_text("name: [", encoding="utf-8")
    with pytest.raises(TenantryError):
        await Reminders(acme.installation)(state, gate, 1)
    acme.file.write_text(good, encoding="utf-8")
    with pytest.raises(NotFound):
        reminder(acme, state, gate, 1)
