"""A plan of 60 systems with random dependencies, carried out by the real engine, on the real record, with steps that only wait.

The baseline is the plan's critical path: the longest chain of systems that need each other, each taking exactly what its step waits. It is worked out
from the same numbers that the steps wait, and not measured: nothing can be faster. The figure is the time from the declaration until the last
system's health checks held, so it holds everything that the platform adds: journal, order, health checks, and what independent systems cost each other.

``overhead_ms_per_system`` is what is left for each system of the chain.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.registry import BenchmarkFailed
from flows.assembly import Installation
from tenantry.capabilities.probing import ProbeAnswer
from tenantry.clock import parse_rfc3339
from tenantry.decisions import approval_purpose, decide_all
from tenantry.disaster.compile import ACTIVATION, compiled
from tenantry.disaster.load import LoadedPlan, parse_plan
from tenantry.disaster.order import schedule
from tenantry.discovery import TaskRegistry
from tenantry.people import Authenticated
from tenantry.run import Engine, RunState, Surroundings, create
from tenantry.runbook import parse_runbook, validate_params
from tenantry.task import Context, Output, ReadTask

__all__ = ["measure"]

_TARGET: Final = 1.1
_TENANT: Final = "bench-dr"
_WHO: Final = "bench.declarer"


class WaitParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seconds: float


class Waited(Output):
    seconds: float


class Wait(ReadTask[WaitParams, Waited]):
    """Take as long as a step of a recovery would."""

    name = "bench.wait"
    timeout = 600.0
    Params = WaitParams
    Output = Waited

    async def read(self, ctx: Context, p: WaitParams) -> Waited:
        del ctx
        await asyncio.sleep(p.seconds)
        return Waited(seconds=p.seconds)


class _Client:
    """A tenant whose systems all answer, and who reads what it is told."""

    name = _TENANT
    subject: Mapping[str, Any] = {"name": _TENANT, "display_name": "Bench", "contacts": []}
    protected: frozenset[str] = frozenset()
    disruptive_needs = None

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    async def capability(self, name: str) -> Any:
        del name
        return self

    async def ahead(self, names: Collection[str]) -> None:
        del names

    async def ask(self, probe: Any) -> ProbeAnswer:
        return ProbeAnswer(error="gone") if probe.host.endswith(".old") else ProbeAnswer()

    async def sent(self, key: str, channel: str = "mail") -> bool:
        del key, channel
        return True

    async def run(self, run_id: str) -> dict[str, Any]:
        return self._installation.view(run_id, live=True)


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """``scale.rounds`` activations of one plan.

    Args:
        option: how many systems it has.
    """
    count = 12 if scale.quick else int(option)
    unit = 0.02 if scale.quick else 1.0
    rounds = 1 if scale.quick else min(scale.rounds, 3)
    with Installation.open() as installation:
        installation.vault.create_tenant_key(_TENANT)
        installation.people.add(_WHO, "Bench", ("engineer",), "*")
        installation.people.enroll(_WHO, by=None)
        found = TaskRegistry.discover(entry_points=False)
        tasks = TaskRegistry.of(*(found.get(one) for one in found.names()), Wait)
        loaded = parse_plan(_plan(count, unit), "bench.yaml", tasks, today=datetime.now(UTC).date())
        took = [_one(installation, tasks, loaded, f"{name}-{number}") for number in range(rounds)]
    counted = schedule(loaded.plan)
    critical = max(_path(loaded).values())
    depth = max(len(way) for way in counted.way.values())
    value = statistics.median(took)
    ratio = value / critical
    return Bench(
        name=name,
        value=round(value, 3),
        unit="s",
        baseline=Baseline("critical path of the simulated steps", round(critical, 3)),
        ratio=round(ratio, 3),
        target=f"ratio <= {_TARGET}",
        met=ratio <= _TARGET,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "systems": count,
            "dependencies": sum(len(one.needs) for one in loaded.plan.systems),
            "longest_chain": depth,
            "seconds": summary(took),
            "overhead_ms_per_system": round((value - critical) / depth * 1000, 1),
            "from": "the entry of the declaration's answer to the last health check's outcome",
            "without": "Prefect: the engine alone",
        },
    )


def _plan(count: int, unit: float) -> str:
    dice = random.Random(60)  # the same plan each time
    names = [f"s{number}" for number in range(count)]
    systems = []
    for number, name in enumerate(names):
        seconds = round(unit * (0.5 + dice.random() * 1.5), 3)
        systems.append(
            {
                **{"id": name, "title": name, "tier": dice.randrange(4), "owner": _WHO, "rto": "8h"},
                **{"primary": "here", "recovery": "there"},
                "needs": sorted(dice.sample(names[:number], min(number, dice.choice([0, 1, 1, 2, 3])))),
                "procedure": [{"id": "work", "uses": Wait.name, "with": {"seconds": seconds}, "estimate": "1s"}],
                "primary_health": [{"kind": "tcp", "host": f"{name}.old", "port": 1}],
                "health": [{"kind": "tcp", "host": name, "port": 1}],
            }
        )
    whole = {"id": "bench", "version": 1, "title": "Bench", "tenant": _TENANT, "declarers": [_WHO]}
    return json.dumps({**whole, "communication": {"to": ["primary"]}, "systems": systems})


def _path(loaded: LoadedPlan) -> dict[str, float]:
    """System → how long its chain takes at least."""
    found: dict[str, float] = {}
    for name in schedule(loaded.plan).order:
        system = loaded.plan.system(name)
        own = sum(float(step.with_["seconds"]) for step in system.procedure)
        found[name] = own + max((found[other] for other in system.needs), default=0.0)
    return found


def _one(installation: Installation, tasks: TaskRegistry, loaded: LoadedPlan, run_id: str) -> float:
    base = installation.catalog.path(ACTIVATION).read_text("utf-8")
    text = compiled(loaded, base, purpose="failover", graceful=False)
    runbook = parse_runbook(text, "bench", registry=tasks)
    around = Surroundings(
        journal=installation.journal,
        registry=tasks,
        people=installation.people.records,
        evidence=installation.evidence.sink,
        now=installation.journal.clock.now,
    )
    create(
        around,
        run_id=run_id,
        runbook=runbook,
        tenant=_TENANT,
        params=validate_params(runbook, {"plan": "bench"}),
        mode="run",
        requester={"person": _WHO, "proven": True, "via": "bench"},
        subject="bench",
    )
    engine = Engine(around, _Client(installation))
    asyncio.run(engine.run(run_id))
    _declare(installation, run_id)
    begun = time.time()
    asyncio.run(engine.run(run_id))
    state = installation.state(run_id)
    ended = [_when(state, f"{one.id}__health") for one in loaded.plan.systems]
    return max(ended) - begun


def _declare(installation: Installation, run_id: str) -> None:
    state = installation.state(run_id)
    gates = [gate for gate in state.open_gates() if gate.step == "declared"]
    if not gates:
        raise BenchmarkFailed("the plan asked nobody to declare")
    person = installation.people.get(_WHO)
    proof = Authenticated(person, datetime.now(UTC), "totp", approval_purpose(run_id), _TENANT)
    decide_all(installation.journal, installation.people, state, gates, proof, "approve")


def _when(state: RunState, step: str) -> float:
    item = state.items.get((step, None))
    if item is None or item.output is None or item.finished_at is None:
        raise BenchmarkFailed(f"{step} did not come to a result")
    return max(item.finished_at.timestamp(), parse_rfc3339(item.output["healthy_at"]).timestamp())
