"""Killing runs, for any runbook: at every journal boundary, and around and during every write to the vendor.

A run is executed in forked children of a process that has imported everything and has no threads (:class:`Zygote`), so that
a child is born in milliseconds and SIGKILL hits nothing but the run. The parent serves the lab, answers people's questions
and compares the end with that of an uninterrupted run.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import httpx

from integrations.lab import FaultPlan, Lab
from tenantry.journal import Record
from tenantry.run import RunState
from tenantry.runbook import parse_runbook
from tenantry.runbook.load import keep_checked
from tenantry.task import Outcome
from tests.support.kills import Kill, Killer, is_write, kill_at_append
from tests.support.lab_stand import LabAccess, LabStand, every_task
from tests.support.stand import QUICK, Stand

PATIENT = replace(
    QUICK,
    read_attempts=8,
    effect_attempts=8,
    effect_timeout_cap=0.8,
    patience_scale=0.5,
    backoff=0.002,
    backoff_cap=0.02,
)


@dataclass(frozen=True)
class Job:
    """One attempt of a run, for a child."""

    folder: str
    run_id: str
    base_url: str
    scenario: str
    seed: int
    users: int
    kill: dict[str, Any]
    book: str | None = None
    """The file with the run's runbook: checked once, before children are born, and not by each of them."""
    wait: bool = True
    vaulted: bool = False
    """What signs in lies in the home's vault."""
    places: dict[str, Any] | None = None
    """Where cloud account and hosts are (``tests/support/everywhere.py``), where they are not the lab's."""
    installed: bool = False
    """The folder is a home with clients' files, which are opened as the service opens them (``tests/support/taken_on.py``)."""


@dataclass(frozen=True)
class Errand:
    """One attempt at something else than a run against the lab, for a child.

    Attributes:
        call: ``module:function`` of a coroutine function that takes a :class:`Kill` and ``given``.
    """

    call: str
    kill: dict[str, Any]
    given: dict[str, Any]


class Zygote:
    """A single-threaded process that forks a child for each job and reports how it ended.

    Args:
        modules: imported besides what every run needs, so that children need not.
        warm_up: what is done once before the first child is born; None: a run at the lab.
    """

    def __init__(self, *modules: str, warm_up: Callable[[], object] | None = None) -> None:
        self._jobs, jobs = os.pipe()
        results, self._out = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(jobs)
            os.close(results)
            _serve(self._jobs, self._out, modules, warm_up or _warm_up)
        os.close(self._jobs)
        os.close(self._out)
        self._send = os.fdopen(jobs, "w", buffering=1)
        self._receive = os.fdopen(results)

    def run(self, *jobs: Job | Errand) -> list[int]:
        """Execute the jobs at the same time; exit codes, negative for signals, in order."""
        self._send.write(json.dumps([asdict(job) for job in jobs]) + "\n")
        return list(json.loads(self._receive.readline()))

    def close(self) -> None:
        self._send.close()
        os.waitpid(self._pid, 0)
        self._receive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _warm_up() -> None:
    """Import everything that a run imports, by running one, in process: no thread is left behind."""
    with tempfile.TemporaryDirectory() as folder:
        stand = LabStand(Path(folder), users=20, serve=False)

        async def once() -> None:
            access = await LabAccess.open("http://127.0.0.1", stand.lab, httpx.ASGITransport(stand.lab.app))
            stand.create()
            for _ in range(5):
                await stand.stand.engine(access, QUICK).run("run-1")
                stand.stand.answer("run-1", "ann")

        asyncio.run(once())
        stand.close()


def _serve(jobs: int, out: int, modules: Iterable[str], warm_up: Callable[[], object]) -> None:
    warm_up()
    for module in modules:
        importlib.import_module(module)
    with os.fdopen(jobs) as lines, os.fdopen(out, "w", buffering=1) as results:
        for line in lines:
            told = [Errand(**job) if "call" in job else Job(**job) for job in json.loads(line)]
            for job in told:
                if isinstance(job, Job) and not job.installed:
                    _prepare(job)
            gc.freeze()  # what all have is not looked through again by each
            children = [_fork(job) for job in told]
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            results.write(json.dumps(codes) + "\n")
    os._exit(0)


def _prepare(job: Job) -> None:
    """What is the same for all children of a kind, once."""
    _lab(job.scenario, job.seed, job.users)
    if job.book is not None:
        _checked(job.book)


@cache
def _lab(scenario: str, seed: int, users: int) -> Lab:
    """For its credentials alone: what a run meets is served by the parent."""
    return Lab(scenario, seed=seed, users=users)


@cache
def _checked(book: str) -> None:
    keep_checked(parse_runbook(Path(book).read_text(encoding="utf-8"), book, every_task()), every_task())


def _fork(job: Job | Errand) -> int:
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        if isinstance(job, Errand):
            module, _, function = job.call.partition(":")
            asyncio.run(getattr(importlib.import_module(module), function)(Kill(**job.kill), **job.given))
        else:
            asyncio.run(_attempt(job))
        code = 0
    except BaseException:  # the parent needs the trace and a code, whatever it was
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


async def _attempt(job: Job) -> None:
    kill = Kill(**job.kill)
    if job.installed:
        from tests.support import taken_on

        await taken_on.attempt(job, kill)
        return
    stand = Stand.__new__(Stand)
    Stand.reopen(stand, Path(job.folder), every_task())
    if kill.where.startswith("append"):
        kill_at_append(stand.journal, kill)
    lab = _lab(job.scenario, job.seed, job.users)
    killer = Killer(kill) if kill.where.startswith("write") else None
    transport = None if killer is None else _KillingTransport(killer)
    access = await LabAccess.open(job.base_url, lab, transport, stand.vault if job.vaulted else None)
    policy = PATIENT
    if job.places is not None:
        from tests.support import everywhere

        access, policy = await everywhere.joined(access, job.places), everywhere.PATIENT
        if killer is not None:
            everywhere.arm(killer)
    await stand.engine(access, policy).run(job.run_id, wait=job.wait)
    await access.aclose()


class _KillingTransport(httpx.AsyncBaseTransport):
    """The network, until the n-th write."""

    def __init__(self, killer: Killer) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._killer = killer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        last = is_write(request) and self._killer.begins()
        response = await self._inner.handle_async_request(request)
        if last:
            await response.aread()
            self._killer.ended()
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass(frozen=True)
class End:
    """What must be equal however often the run was interrupted."""

    status: str
    outcomes: dict[str, str | None]
    writes: dict[tuple[str, str, str, str], int]
    innocent_touched: int
    verified: bool
    failures: list[str] = field(default_factory=list, compare=False)
    """What failed meanwhile, mended since or not: for whom an unequal end is a riddle."""


def writes(audit: Iterable[Mapping[str, Any]], run: str) -> dict[tuple[str, str, str, str], int]:
    """How often the lab took each write of a run: service, method, target and properties → times."""
    return dict(
        Counter((e["service"], e["method"], str(e["target"]).replace(run, "RUN"), _what(e["after"])) for e in audit)
    )


def _what(after: Any) -> str:
    """Which properties a write set, with the values that are switches: two writes to one object are told apart."""
    if not isinstance(after, dict):
        return ""
    return ",".join(f"{name}={value}" if isinstance(value, bool) else name for name, value in sorted(after.items()))


def failures(records: Iterable[Record]) -> list[str]:
    """Each attempt at a step that failed: its number, step, item and error."""
    return [
        f"{r.entry.fields['attempt']} {r.step}[{r.data.get('item')}] {r.data.get('error')}"
        for r in records
        if r.event == "step.error" or (r.event == "step.outcome" and r.outcome in (Outcome.FAILED, Outcome.UNKNOWN))
    ]


class Ordeal:
    """One lab and one home, used again and again: set back, run, killed, resumed, compared."""

    def __init__(
        self,
        zygote: Zygote,
        folder: Path,
        *,
        scenario: str = "bec",
        seed: int = 1,
        users: int = 40,
        runbook: str | None = None,
        params: Callable[[Lab], dict[str, Any]] | None = None,
        application: Literal["elsewhere", "here"] = "elsewhere",
    ) -> None:
        self._zygote = zygote
        self._vaulted = application == "here"
        self._folder = folder
        self._story = (scenario, seed, users)
        self._count = 0
        self.lab_stand = LabStand(
            folder / "home",
            scenario=scenario,
            seed=seed,
            users=users,
            runbook=runbook,
            params=params,
            application=application,
        )
        self._book = folder / f"{self.lab_stand.runbook}.yaml"
        self._book.write_text(self.lab_stand.text, encoding="utf-8")

    def run(
        self, *kills: Kill, faults: dict[str, Any] | None = None, params: dict[str, Any] | None = None, at_once: int = 1
    ) -> tuple[End, list[int]]:
        """A new run, killed as told, resumed until it ends.

        Args:
            kills: one for each attempt, in order; later attempts are left alone.
            faults: the lab's, as ``POST /_lab/faults`` takes them.
            at_once: processes that execute the same run at the same time, in each attempt.

        Returns:
            how it ended, and the exit codes of its attempts.
        """
        lab, stand = self.lab_stand.lab, self.lab_stand.stand
        lab.reset()
        if faults:
            lab.faults.set(FaultPlan.model_validate(faults))
        self._count += 1
        run_id = f"run-{self._count:05d}"
        self.lab_stand.create(run_id, params=params or {})
        codes: list[int] = []
        for attempt in range(60):
            kill = kills[attempt] if attempt < len(kills) else Kill()
            codes += self._zygote.run(*[self._job(run_id, kill)] * at_once)
            state = stand.state(run_id)
            if state.ended is not None:
                return self._end(state, run_id), codes
            stand.answer(run_id, "ann", reason="checked")
        raise AssertionError(f"the run did not end: {stand.view(run_id)}")

    def _job(self, run_id: str, kill: Kill) -> Job:
        scenario, seed, users = self._story
        return Job(
            folder=str(self._folder / "home"),
            run_id=run_id,
            base_url=self.lab_stand.server.base_url,
            scenario=scenario,
            seed=seed,
            users=users,
            kill=asdict(kill),
            book=str(self._book),
            vaulted=self._vaulted,
        )

    def _end(self, state: RunState, run_id: str) -> End:
        lab = self.lab_stand.lab
        return End(
            status=state.status(live=False).value,
            outcomes=self.lab_stand.stand.outcomes(run_id),
            writes=writes(lab.audit, run_id),
            innocent_touched=len(lab.innocent_touched()),
            verified=self.lab_stand.stand.journal.verify().ok,
            failures=failures(self.lab_stand.stand.journal.records(run_id)),
        )

    def close(self) -> None:
        self.lab_stand.close()
