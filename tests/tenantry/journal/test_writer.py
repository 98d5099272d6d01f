from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import InvalidInput, JournalUnavailable, LeaseLost
from tenantry.journal import Entry, Event, Journal, Writer
from tests.support.stand import SteppingClock
from tests.tenantry.journal.support import event, key, url_of


class Gated(Journal):
    """A journal whose commits wait until a test lets them through, and may fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(url_of(path), key, SteppingClock())
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.batches: list[int] = []
        self.fails: list[Exception] = []

    def append(self, tenant: str, events: Sequence[Any], *, fence: Any = None) -> list[Entry]:
        self.batches.append(len(events))
        self.entered.set()
        assert self.open.wait(30)
        if self.fails:
            raise self.fails.pop()
        return super().append(tenant, events, fence=fence)


@pytest.fixture
def gated(path: Path) -> Iterator[Gated]:
    journal = Gated(path)
    yield journal
    journal.close()


async def _behind_a_closed_gate(gated: Gated, writer: Writer, *names: str) -> list[asyncio.Task[list[Entry]]]:
    """One append under way, and one for each name waiting for it: they will share a transaction."""
    gated.open.clear()
    gated.entered.clear()
    tasks = [asyncio.create_task(writer.append(event("first")))]
    await asyncio.to_thread(gated.entered.wait, 30)
    for name in names:
        tasks.append(asyncio.create_task(writer.append(event(name))))
    await asyncio.sleep(0)
    return tasks


def _names(journal: Journal) -> list[str]:
    return [record.event for record in journal.tail("acme")]


async def test_append_returns_the_durable_entries(journal: Journal) -> None:
    writer = Writer(journal, "acme", None)
    entries = await writer.append(event("one"), event("two"))
    assert [entry.event for entry in entries] == ["one", "two"]
    assert [record.entry for record in journal.tail("acme")] == entries
    await writer.close()


async def test_concurrent_appends_share_a_transaction_in_the_order_of_their_calls(gated: Gated) -> None:
    writer = Writer(gated, "acme", None)
    names = [str(n) for n in range(20)]
    tasks = await _behind_a_closed_gate(gated, writer, *names)
    gated.open.set()
    results = await asyncio.gather(*tasks)
    assert gated.batches == [1, 20]
    assert _names(gated) == ["first", *names]
    assert [entry.event for (entry,) in results] == ["first", *names], "each caller gets its own entry"
    await writer.close()


async def test_a_step_back_of_the_clock_does_not_shift_the_answers(gated: Gated) -> None:
    writer = Writer(gated, "acme", None)
    tasks = await _behind_a_closed_gate(gated, writer, "one", "two")
    gated.open.set()
    await tasks[0]
    clock = gated.clock
    assert isinstance(clock, SteppingClock)
    results = await asyncio.gather(*tasks)
    clock.at = clock.at.replace(year=2025)
    (entry,) = await writer.append(event("three"))
    assert entry.event == "three"
    assert [e.event for (e,) in results] == ["first", "one", "two"]
    assert _names(gated) == ["first", "one", "two", "clock.stepped_back", "three"]
    await writer.close()


async def test_a_cancelled_caller_loses_nobody_elses_entry(gated: Gated) -> None:
    writer = Writer(gated, "acme", None)
    tasks = await _behind_a_closed_gate(gated, writer, "one", "two", "three")
    tasks[2].cancel()
    tasks[0].cancel()
    gated.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert isinstance(results[2], asyncio.CancelledError)
    assert [entry.event for (entry,) in (results[1], results[3])] == ["one", "three"]  # type: ignore[misc]  # not exceptions
    await writer.close()
    assert _names(gated) == ["first", "one", "two", "three"], "what was begun is recorded: cancelling is not undoing"


async def test_a_failure_reaches_every_caller_of_the_batch(gated: Gated) -> None:
    writer = Writer(gated, "acme", None)
    tasks = await _behind_a_closed_gate(gated, writer, "one", "two")
    gated.open.set()
    await tasks[0]
    await asyncio.gather(*tasks)
    gated.fails = [JournalUnavailable("disk full")]
    more = [asyncio.create_task(writer.append(event(name))) for name in ("three", "four")]
    results = await asyncio.gather(*more, return_exceptions=True)
    assert all(isinstance(result, JournalUnavailable) for result in results)
    (entry,) = await writer.append(event("five"))
    assert entry.event == "five", "the next batch is another try"
    assert _names(gated) == ["first", "one", "two", "five"]
    await writer.close()


async def test_a_failure_reaches_the_others_when_one_caller_is_gone(gated: Gated) -> None:
    writer = Writer(gated, "acme", None)
    tasks = await _behind_a_closed_gate(gated, writer, "one")
    gated.fails = [JournalUnavailable("disk full"), JournalUnavailable("disk full")]
    tasks[1].cancel()
    gated.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], JournalUnavailable)
    assert isinstance(results[1], asyncio.CancelledError)
    await writer.close()


async def test_what_cannot_be_recorded_fails_its_own_caller_alone(gated: Gated) -> None:
    writer = Writer(gated, "acme", None)
    tasks = await _behind_a_closed_gate(gated, writer, "one")
    with pytest.raises(InvalidInput):
        await writer.append(Event("step.outcome", {"value": float("nan")}))
    gated.open.set()
    await asyncio.gather(*tasks)
    assert _names(gated) == ["first", "one"]
    await writer.close()


async def test_a_lost_lease_reaches_the_caller(journal: Journal, path: Path) -> None:
    lease = journal.acquire("run-1")
    writer = Writer(journal, "acme", lease.fence)
    await writer.append(event("mine"))
    await writer.renew()
    journal.release(lease.fence)
    other = Journal(url_of(path), key)
    other.acquire("run-1")
    with pytest.raises(LeaseLost):
        await writer.append(event("late"))
    with pytest.raises(LeaseLost):
        await writer.renew()
    assert _names(journal) == ["mine"]
    await writer.close()
    other.close()


async def test_a_writer_without_a_lease_has_nothing_to_renew(journal: Journal) -> None:
    writer = Writer(journal, "acme", None)
    await writer.renew()
    await writer.close()


async def test_close_waits_for_what_is_under_way(gated: Gated) -> None:
    writer = Writer(gated, "acme", None)
    tasks = await _behind_a_closed_gate(gated, writer, "one", "two")
    for task in tasks:
        task.cancel()
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    assert not closing.done()
    gated.open.set()
    await closing
    assert _names(gated) == ["first", "one", "two"]


async def test_entries_of_others_are_counted_beside_its_own(journal: Journal, path: Path) -> None:
    journal.append("acme", [event("run.created")])
    writer = Writer(journal, "acme", None)
    assert await writer.strangers("run-1") == 1
    appending = [asyncio.create_task(writer.append(event(str(n)), event(str(n)))) for n in range(20)]
    counts = [await writer.strangers("run-1") for _ in range(20)]
    await asyncio.gather(*appending)
    assert set(counts) == {1}
    other = Journal(url_of(path), key)
    other.append("acme", [event("run.note"), event("elsewhere", run_id="run-2")])
    other.close()
    assert await writer.strangers("run-1") == 2
    await writer.close()
