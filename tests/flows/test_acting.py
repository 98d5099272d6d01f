"""Who comes first when several alerts begin runs at once, and that none begins before the record has it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flows import acting, child
from flows.acting import Heads


async def test_prefect_is_told_when_nobody_is_about_to_make_a_first_effect() -> None:
    heads = Heads()
    await asyncio.wait_for(heads.none_left(60), 5)
    first, second = heads.begin(), heads.begin()
    telling = asyncio.create_task(heads.none_left(60))
    first.over()
    first.over()  # the same one again is no other one
    await asyncio.sleep(0.01)
    assert not telling.done()
    second.over()
    await asyncio.wait_for(telling, 5)


async def test_one_that_does_not_get_there_holds_up_nobody_for_long() -> None:
    heads = Heads()
    heads.begin()
    await asyncio.wait_for(heads.none_left(0.01), 5)


class Prepared:
    """As much of an installation as it takes to get ready; says what was opened for whom, and which runs were carried."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.ready = asyncio.Event()
        self.carried: list[str] = []
        self.journal = self

    def know(self, tenant: str) -> None:
        self.opened.append(f"key of {tenant}")

    def surroundings(self) -> Prepared:
        return self

    @contextlib.asynccontextmanager
    async def access(self, tenant: str, mode: str) -> AsyncIterator[Prepared]:
        del tenant, mode
        yield self

    async def ahead(self, needs: object) -> None:
        del needs
        self.opened.append("providers")
        self.ready.set()


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Prepared:
    made = Prepared()

    class Engine:
        def __init__(self, *_: object) -> None: ...

        async def run(self, run_id: str, **_: object) -> None:
            made.carried.append(run_id)

    monkeypatch.setattr(acting, "Engine", Engine)
    monkeypatch.setattr("os.nice", lambda _: None)
    monkeypatch.setattr("tenantry.tether.hold", lambda: None)
    return made


class Worker:
    """The worker's end of a child's channel."""

    def __init__(self) -> None:
        self.end, self.theirs = socket.socketpair()
        self.hearing = self.theirs.makefile("rb")

    def say(self, *lines: dict[str, Any]) -> None:
        self.end.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def act(self, installation: Any) -> asyncio.Task[int]:
        job = {"act": "r1", "runbook": "x", "tenant": "acme", "mode": "run"}
        return asyncio.create_task(child._act(installation, job, None, self.theirs, self.hearing))

    def close(self) -> None:
        for one in (self.hearing, self.end, self.theirs):
            one.close()


async def test_it_gets_ready_and_carries_nothing_before_the_record_has_it(prepared: Prepared) -> None:
    worker = Worker()
    acted = worker.act(prepared)
    await asyncio.wait_for(prepared.ready.wait(), 30)
    await asyncio.sleep(0.05)
    assert prepared.carried == []
    worker.say({"recorded": "r1"}, {"flow_run": None})  # both at once: each is a line of its own
    assert await asyncio.wait_for(acted, 30) == 0
    assert prepared.carried == ["r1"]
    assert sorted(prepared.opened) == ["key of acme", "providers"]
    worker.close()


async def test_one_that_is_not_recorded_is_carried_by_nobody(prepared: Prepared) -> None:
    worker = Worker()
    acted = worker.act(prepared)
    await asyncio.wait_for(prepared.ready.wait(), 30)
    worker.end.close()  # dismissed, or the worker is gone
    assert await asyncio.wait_for(acted, 30) == 1
    assert prepared.carried == []
    worker.close()
