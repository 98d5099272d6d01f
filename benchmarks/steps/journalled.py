"""What the record costs: one journalled effect step beside one bare Prefect task, called in turn inside one flow run.

The bare task does what a Prefect user would write: an async task, called in sequence, that changes a value in memory. The
step is the product's: a Prefect task run around check, guard, durable intent, apply, verify and durable outcome, through the
real engine with a journal on disk (SQLite, WAL, synchronous=FULL). Its time runs from the end of the step before it, so the
engine's own work between two steps is counted. Which of the two comes first changes from pair to pair, and a busy machine
slows both.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prefect import flow, task
from pydantic import BaseModel, ConfigDict

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.stage import created, must_complete
from flows.assembly import Installation
from flows.graph import PrefectSteps
from tenantry.discovery import TaskRegistry
from tenantry.run import Engine, StepCall, StepReport, Surroundings
from tenantry.task import Change, Context, Impact, Task

__all__ = ["measure"]

_TENANT: Final = "bench"
_TARGET: Final = 1.5
_WARM: Final = 10
"""Pairs at the beginning that are not counted: first use of connections, caches and code."""


class Switches(dict[str, str]):
    """The world that is changed."""


class SwitchParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


class Turn(Task[SwitchParams]):
    """Turn a switch in memory on."""

    name = "bench.turn"
    needs = ("identity",)  # the slot in which the switches travel: a task has only declared capabilities
    impact = Impact.REVERSIBLE
    no_undo = "a switch in memory"
    Params = SwitchParams

    async def check(self, ctx: Context, p: SwitchParams) -> list[Change]:
        now = ctx.capability("identity").get(p.name)
        return [] if now == "on" else [Change(path=f"switch/{p.name}", before=now, after="on")]

    async def apply(self, ctx: Context, p: SwitchParams, changes: list[Change]) -> None:
        for change in changes:
            ctx.capability("identity")[p.name] = change.after


class _Access:
    """A tenant that is nothing but the switches."""

    name = _TENANT
    subject: Mapping[str, Any] = {"name": _TENANT}  # never written to
    protected: frozenset[str] = frozenset()
    disruptive_needs = None

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    async def capability(self, name: str) -> Any:
        del name
        return self._switches

    async def ahead(self, names: Collection[str]) -> None:
        del names


@task
async def bare(switches: list[Switches], name: str) -> None:
    """A Prefect task and nothing else. The switches hide in a list as small as a parameter can be."""
    switches[0][name] = "on"


@dataclass
class Pairs:
    """The engine's ``call``: each step as the product calls it, with a bare task before or after it."""

    switches: Switches
    inner: PrefectSteps = field(default_factory=PrefectSteps)
    bare_ms: list[float] = field(default_factory=list)
    step_ms: list[float] = field(default_factory=list)
    bare_cpu_ms: list[float] = field(default_factory=list)
    step_cpu_ms: list[float] = field(default_factory=list)
    _left: tuple[float, float] | None = None

    async def __call__(self, call: StepCall, body: Callable[[], Awaitable[StepReport]]) -> StepReport:
        came = _now()
        since = came if self._left is None else self._left
        first = len(self.step_ms) % 2 == 0
        if first:
            await self._bare()
        begun = _now()
        report = await self.inner(call, body)
        ended = _now()
        self.step_ms.append((ended[0] - begun[0] + came[0] - since[0]) * 1000)
        self.step_cpu_ms.append((ended[1] - begun[1] + came[1] - since[1]) * 1000)
        if not first:
            await self._bare()
        self._left = _now()
        return report

    async def _bare(self) -> None:
        begun = _now()
        await bare([self.switches], f"bare-{len(self.bare_ms)}")
        ended = _now()
        self.bare_ms.append((ended[0] - begun[0]) * 1000)
        self.bare_cpu_ms.append((ended[1] - begun[1]) * 1000)


def _now() -> tuple[float, float]:
    """Wall clock and CPU time of all threads, seconds: what other processes take of the machine shows in the first alone."""
    return time.perf_counter(), time.process_time()


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """``scale.steps`` pairs, and a few before them that are not counted."""
    del option
    warm = 1 if scale.quick else _WARM
    with Installation.open() as installation:
        installation.vault.create_tenant_key(_TENANT)
        registry = TaskRegistry.of(Turn)
        around = Surroundings(
            journal=installation.journal,
            registry=registry,
            people=installation.people.records,
            evidence=installation.evidence.sink,
            now=installation.journal.clock.now,
        )
        run_id = created(around, registry, _TENANT, _runbook(scale.steps + warm))
        pairs = Pairs(Switches())

        @flow(name="bench-journalled")
        async def measured() -> None:
            must_complete(await Engine(around, _Access(pairs.switches)).run(run_id, call=pairs))

        asyncio.run(measured())
        appends = _appends(installation)
    steps, tasks = pairs.step_ms[warm:], pairs.bare_ms[warm:]
    value, baseline = statistics.median(steps), statistics.median(tasks)
    ratio = value / baseline
    return Bench(
        name=name,
        value=round(value, 3),
        unit="ms per step",
        baseline=Baseline("a bare Prefect task", round(baseline, 3)),
        ratio=round(ratio, 3),
        target=f"ratio <= {_TARGET}",
        met=ratio <= _TARGET,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "step_ms": summary(steps),
            "bare_task_ms": summary(tasks),
            "step_cpu_ms": summary(pairs.step_cpu_ms[warm:]),
            "bare_task_cpu_ms": summary(pairs.bare_cpu_ms[warm:]),
            "ratio_of_means": round(statistics.fmean(steps) / statistics.fmean(tasks), 3),
            "ratio_of_pairs": summary([step / one for step, one in zip(steps, tasks, strict=True)]),
            "journal_append_ms": summary(appends),
            "durable_entries_per_step": 2,
            "order": "in pairs, the first of each alternating; one flow run, one process",
        },
    )


def _runbook(count: int) -> str:
    """A chain of that many steps, so that each is called when the one before has ended."""
    head = "id: chain\nversion: 1\ntitle: Chain\nkind: incident\nphases: [act]\nparams: {}\nsteps:\n"
    steps = [
        f"  - {{id: s{at}, phase: act, uses: bench.turn, with: {{name: s{at}}}"
        + (f", needs: [s{at - 1}]}}" if at else "}")
        for at in range(count)
    ]
    return head + "\n".join(steps) + "\n"


def _appends(installation: Installation) -> list[float]:
    """Milliseconds of one durable append of one entry, for the share of the disk in the figure."""
    from tenantry.journal import Event

    found: list[float] = []
    for _ in range(50):
        begun = time.perf_counter()
        installation.journal.append(_TENANT, [Event("note", {"text": "how long an append takes"})])
        found.append((time.perf_counter() - begun) * 1000)
    return found
