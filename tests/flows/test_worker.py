"""What one run meets ends no other: the worker goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import anyio
import httpx
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from flows import worker_process
from flows.assembly import Installation
from flows.keeper import Keeper
from flows.worker import TenantryWorker
from tenantry.errors import JournalUnavailable
from tenantry.home import Home


@pytest.mark.parametrize(
    "problem",
    [
        TimeoutError(),
        ObjectNotFound(Exception("deleted meanwhile")),
        httpx.ConnectError("no server"),
        JournalUnavailable("the disk is full"),
        ZeroDivisionError("a defect"),
    ],
    ids=lambda problem: type(problem).__name__,
)
async def test_a_run_that_cannot_be_begun_is_let_go(
    problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Installation.open(Home(tmp_path).ensure()) as installation:
        worker = TenantryWorker(installation=installation)

        async def meets(flow_run: FlowRun) -> None:
            assert flow_run.id in worker.busy
            raise problem

        monkeypatch.setattr(worker, "_carry", meets)
        monkeypatch.setattr(worker, "_limiter", anyio.CapacityLimiter(1))
        for _ in range(2):  # the slot is free again
            await worker._take(FlowRun(flow_id=uuid4()))
            assert worker.busy == frozenset()
            assert worker.limiter.borrowed_tokens == 0


class Panic(BaseException):
    """What a library in Rust raises: no Exception."""


@pytest.mark.parametrize("part", [(TenantryWorker, "start"), (Keeper, "serve")], ids=["worker", "keeper"])
async def test_half_a_worker_is_none(part: tuple[type, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When one part of the process ends, whatever the reason, the process does, and the service starts it again."""
    ended: list[bool] = []

    async def ends(*_: object, **__: object) -> None:
        raise Panic

    async def goes_on(*_: object, **__: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    for owner, name in ((TenantryWorker, "start"), (Keeper, "serve")):
        monkeypatch.setattr(owner, name, ends if (owner, name) == part else goes_on)
    with Installation.open(Home(tmp_path).ensure()) as installation:
        async with asyncio.timeout(30):
            with pytest.raises(Panic):
                await worker_process._serve(installation, None)
    assert ended == [True]
