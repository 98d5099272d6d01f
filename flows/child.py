"""A warm child: forked with everything imported, it waits for one run, carries it, and ends.

What it hears and says are lines of JSON on its channel to the worker: it says ``ready``, hears the job, says ``done``. When the
channel closes, the worker is gone, and so is the child.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import socket
from pathlib import Path
from typing import Any, BinaryIO, Final

from prefect import Flow
from prefect.client.schemas.objects import FlowRun
from prefect.events.worker import EventsWorker
from pydantic import BaseModel

from flows import execute
from flows.acting import ACTING, Acting
from flows.assembly import Installation
from flows.deployments import entrypoint
from flows.factory import flow_of, loadable
from flows.knowing import Knowing, KnowingContext
from flows.rehearsal import Rehearsal
from flows.related import know
from flows.runbook_files import fingerprint
from flows.shown import named
from tenantry import logs, tether
from tenantry.broker.client import SOCKET, TOKEN
from tenantry.discovery import TaskRegistry
from tenantry.errors import RecordError, TenantryError
from tenantry.runbook import Runbook, keep_checked

_LOG: Final = logging.getLogger(__name__)
_LONGEST_JOB: Final = 4 << 20
_CONNECTING: Final = 5.0
"""Seconds for the connection that this process's events go over; without it the run's first event makes it."""
_AT_EASE: Final = 0.2
"""Seconds that a child waits for a run before it believes that nobody waits for a child."""
_LATE: Final = ("anyio._backends._asyncio", "anyio.streams.tls", "encodings.idna", "prefect._internal.observers")
"""What a run imports in its middle otherwise."""
_loaded = ""
"""Fingerprint of the runbooks whose flows this process has imported."""
_flows: dict[str, Flow[..., Any]] = {}
"""Those, by the runbook's id."""
_needs: dict[str, frozenset[str]] = {}
"""What the first steps of those need. The runbook that a run is pinned to may be another one, and counts; this is opened ahead."""
_found: Installation | None = None
"""Which tasks and providers are installed, found before the fork."""
_rehearsal: Rehearsal | None = None
"""What a child does while nobody needs it."""


def preload(installation: Installation) -> None:
    """In the process that children are forked from: the flows of every runbook, and what they import."""
    global _found, _loaded, _rehearsal
    _loaded = fingerprint(installation.home)
    _found = installation
    _rehearsal = Rehearsal(installation)
    for runbook in loadable(installation.catalog):
        module, _, name = entrypoint(runbook).rpartition(".")
        _flows[runbook.id] = getattr(importlib.import_module(module), name)
        for step in runbook.steps:
            named(step.uses)
        for param in runbook.params.values():
            _ = param.adapter
        keep_checked(runbook, installation.registry)
        _needs[runbook.id] = _first_needs(runbook, installation.registry)
    for name in _LATE:
        importlib.import_module(name)
    _complete_models()
    logs.configure()  # over what Prefect set up when it was imported


def _complete_models() -> None:
    """Prefect puts off building the validators of its models until they are first used: once here, and not in each child."""
    left = [BaseModel]
    while left:
        left += (kind := left.pop()).__subclasses__()
        if kind.__module__.startswith("prefect.") and not kind.__pydantic_complete__:
            kind.model_rebuild(raise_errors=False)


async def live(channel: socket.socket) -> int:
    """Returns the exit code: 0 when the run was carried (whatever became of it) or none came, 2 when it was refused."""
    os.dup2(channel.fileno(), 0)  # what `tether.hold` watches
    async with contextlib.AsyncExitStack() as stack:
        installation = stack.enter_context(Installation.open())
        with contextlib.suppress(RecordError):  # a full disk, say; the run meets it again
            await asyncio.to_thread(_rehearse, installation)
        if _found is not None:
            installation.like(_found)
        client: Knowing | None = None
        with contextlib.suppress(Exception):  # the server may be away now and back when there is a run
            client = (await stack.enter_async_context(KnowingContext())).client
        _say(channel, {"ready": os.getpid()})
        worker = stack.enter_context(channel.makefile("rb"))
        hearing = asyncio.ensure_future(asyncio.to_thread(_line, worker))
        # Who waits for a child has it at once. One that nobody waits for rehearses, and gets to know Prefect's server.
        await asyncio.wait([hearing], timeout=_AT_EASE)
        if not hearing.done():
            idling = asyncio.create_task(_idle(installation.home.run, client))
            await asyncio.wait([hearing, idling], return_when=asyncio.FIRST_COMPLETED)
            idling.cancel()
        line = await hearing
        if not line:
            return 0
        job = json.loads(line)
        if "act" in job:
            code = await _act(installation, job, client, channel, worker)
        else:
            tether.hold()
            code = await _carry(installation, job, client)
        _say(channel, {"done": code})
        return code


async def _idle(run: Path, client: Knowing | None) -> None:
    try:
        if _rehearsal is not None:
            await _rehearsal.play(run)
    except Exception as problem:  # noqa: BLE001  # a full disk, say, which a run will meet and tell; this one only begins slower
        _LOG.info("the rehearsal ended early: %s", type(problem).__name__)
    if client is not None:
        with contextlib.suppress(Exception):  # it may be away now and back when there is a run
            await client.api_healthcheck()
            await asyncio.wait_for(asyncio.to_thread(EventsWorker.instance), _CONNECTING)


def _rehearse(installation: Installation) -> None:
    installation.journal.rehearse()
    _ = installation.budget


async def _act(
    installation: Installation, job: dict[str, Any], client: Knowing | None, channel: socket.socket, worker: BinaryIO
) -> int:
    """Get ready for a run, begin it when the record has it, and end in its flow run when the worker has one, without where there is none
    to be had. For each of the three there is a line."""
    if job.get("socket"):
        os.environ[SOCKET], os.environ[TOKEN] = job["socket"], job["token"]
    run_id, tenant = str(job["act"]), str(job["tenant"])
    needs = _needs.get(str(job["runbook"]), frozenset())
    acting = Acting(installation, run_id, tenant, str(job["mode"]), needs, lambda: _say(channel, {"acted": True}))
    async with acting.stopping():
        if not await asyncio.to_thread(_line, worker):
            return 1  # there is no such run, or the worker is gone
        acting.begin()
        line = await asyncio.to_thread(_line, worker)
        if not line:
            return 1  # the worker is gone; another one takes the run up from its record
        tether.hold()
        told = json.loads(line)
        if told.get("flow_run") is None:
            await acting.end()
            return 0
        ACTING.set(acting)
        return await _carry(installation, {**job, **told}, client)


def _first_needs(runbook: Runbook, registry: TaskRegistry) -> frozenset[str]:
    """Capabilities of the steps that a run begins with."""
    first = [step for step in runbook.steps if not step.needs and step.uses in registry]
    return frozenset(name for step in first for name in registry.get(step.uses).needs)


async def _carry(installation: Installation, job: dict[str, Any], client: Knowing | None) -> int:
    if job.get("socket"):
        os.environ[SOCKET], os.environ[TOKEN] = job["socket"], job["token"]
    know(job.get("related", {}))
    flow_run = FlowRun.model_validate(job["flow_run"])
    if client is not None:
        client.know(flow_run)
    runbook_id = str(job["runbook"])
    try:
        return await execute.carry(installation, flow_run, _flow(installation, runbook_id))
    except TenantryError as error:
        _LOG.exception("%s %s", error.message, error.remedy, extra={"flow_run": str(flow_run.id)})
        await execute.refuse(flow_run.id, error)
        return 2


def _flow(installation: Installation, runbook_id: str) -> Flow[..., Any]:
    """As imported; made anew when the runbooks were edited since."""
    found = _flows.get(runbook_id)
    if found is None or fingerprint(installation.home) != _loaded:
        return flow_of(installation.catalog.get(runbook_id))
    return found


def _line(hearing: BinaryIO) -> bytes:
    """What the worker says next; empty when it is gone."""
    line = hearing.readline(_LONGEST_JOB)
    return line if line.endswith(b"\n") else b""


def _say(channel: socket.socket, what: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the worker is gone: the tether says so
        channel.sendall(json.dumps(what).encode() + b"\n")
