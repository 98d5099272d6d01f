"""A plan's systems without a world: each does what the test says, and is finished when the test lets it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities.probing import ProbeAnswer
from tenantry.disaster.compile import compiled
from tenantry.disaster.load import LoadedPlan, parse_plan
from tenantry.discovery import TaskRegistry
from tenantry.errors import Rejected
from tenantry.places import SHIPPED
from tenantry.runbook import parse_runbook
from tenantry.task import Change, Context, Impact, Task
from tests.support.stand import Access, Stand

BASE = (SHIPPED / "disaster" / "disaster_activation.yaml").read_text()
TODAY = date(2026, 11, 22)


class Work(BaseModel):
    model_config = ConfigDict(extra="forbid")
    system: str


class _World:
    """What was begun, in order; ``let`` finishes it. ``broken`` refuses to begin. ``asked``: each time that it was to be begun, also in vain."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.asked: list[str] = []
        self.done: set[str] = set()
        self.finished: list[str] = []
        self.broken: set[str] = set()
        self.instant = False
        self.dead_health: set[str] = set()
        self.rows: dict[str, ProbeAnswer] = {}
        self.pages: dict[str, ProbeAnswer] = {}

    def begin(self, name: str) -> None:
        if name in self.broken:
            raise Rejected(f"{name} refuses")
        self.begun.append(name)
        if self.instant:
            self.let(name)

    def let(self, name: str) -> None:
        self.done.add(name)
        self.finished.append(name)

    # the capability `probing`
    async def ask(self, probe: Any) -> ProbeAnswer:
        """``tcp`` to ``<system>`` holds when its work is done; to ``<system>.old`` never."""
        if probe.kind in ("newest_row", "newest_file"):
            return self.rows[probe.host]
        if probe.kind == "http":
            return self.pages[probe.url]
        if probe.host.endswith(".old"):
            return ProbeAnswer(error="no connection")
        if probe.host in self.dead_health or probe.host not in self.done:
            return ProbeAnswer(error="no connection")
        return ProbeAnswer(text="hello")


class DoWork(Task[Work]):
    """Begin the work of one system, and see it done."""

    name = "sim.work"
    needs = ("identity",)
    impact = Impact.REVERSIBLE
    no_undo = "a test"
    timeout = 0.5
    patience = 600.0
    Params = Work

    async def check(self, ctx: Context, p: Work) -> list[Change]:
        world = ctx.capability("identity")
        return (
            []
            if p.system in world.begun and p.system in world.done
            else [Change(path=p.system, before=False, after=True)]
        )

    async def apply(self, ctx: Context, p: Work, changes: list[Change]) -> None:
        world = ctx.capability("identity")
        world.asked.append(p.system)
        if p.system not in world.begun:
            world.begin(p.system)

    async def verify(self, ctx: Context, p: Work, changes: list[Change]) -> list[Change]:
        return [] if p.system in ctx.capability("identity").done else changes


class _Messenger:
    def __init__(self) -> None:
        self.sent_keys: dict[str, Any] = {}

    async def sent(self, key: str, channel: str = "mail") -> bool | None:
        return key in self.sent_keys

    async def send(self, message: Any) -> None:
        self.sent_keys[message.key] = message


class _Recorded:
    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    async def run(self, run_id: str) -> Mapping[str, Any]:
        view = self._stand.view(run_id)
        book = parse_runbook(self._stand.state(run_id).runbook_text, "pinned", self._stand.registry)
        titles = {step.id: step.title for step in book.steps}
        steps = [{**step, "title": titles.get(step["id"], step["id"])} for step in view["steps"]]
        return view | {"title": book.title, "phases": [], "steps": steps}

    async def evidence(self, run_id: str, sha256: str) -> bytes:
        raise NotImplementedError


def registry() -> TaskRegistry:
    found = TaskRegistry.discover(entry_points=False)
    return TaskRegistry.of(*(found.get(name) for name in found.names()), DoWork)


@dataclass
class Simulated:
    """One activation over simulated systems."""

    stand: Stand
    loaded: LoadedPlan
    world: _World = field(default_factory=_World)
    messenger: _Messenger = field(default_factory=_Messenger)

    @property
    def access(self) -> Access:
        contacts = [{"id": "kim", "name": "Kim", "role": "primary", "email": "kim@acme.example", "phone": "1"}]
        return Access(
            subject={"name": "acme", "display_name": "Acme", "contacts": contacts},
            capabilities={
                "identity": self.world,
                "probing": self.world,
                "messenger": self.messenger,
                "recorded": _Recorded(self.stand),
            },
        )

    def create(self, *, purpose: str = "failover", graceful: bool = False, run_id: str = "run-1", **params: Any) -> str:
        text = compiled(self.loaded, BASE, purpose=purpose, graceful=graceful)  # type: ignore[arg-type]
        given = {"plan": self.loaded.plan.id, "purpose": purpose, "graceful": graceful, **params}
        return self.stand.create(text, given, run_id=run_id)

    async def go(self, run_id: str = "run-1") -> Any:
        return await self.stand.run(run_id, self.access)

    def needs(self) -> dict[str, set[str]]:
        return {one.id: set(one.needs) for one in self.loaded.plan.systems}

    def below(self, names: set[str]) -> set[str]:
        """Everything that stands on these, directly or not."""
        found: set[str] = set()
        left = set(names)
        while left:
            more = {one for one, needed in self.needs().items() if needed & left} - found
            found |= more
            left = more
        return found


def plan_text(systems: Mapping[str, Mapping[str, Any]], **more: Any) -> str:
    """A plan as JSON, which is YAML; what is not given has a value that is fine."""
    import json

    whole = {
        "id": "acme_plan",
        "version": 1,
        "title": "Everything of Acme's",
        "tenant": "acme",
        "declarers": ["ann"],
        "communication": {"to": ["primary"]},
        "drill": {"last_on": "2026-10-01"},
        "systems": [system(name, **dict(given)) for name, given in systems.items()],
        **more,
    }
    return json.dumps(whole, indent=1)


def system(name: str, **more: Any) -> dict[str, Any]:
    work = {
        "id": "work",
        "uses": "sim.work",
        "with": {"system": name},
        "estimate": "1m",
        "manual": "Turn it on by hand.",
    }
    back = {"id": "back", "uses": "sim.work", "with": {"system": f"{name}.back"}, "estimate": "1m"}
    return {
        "id": name,
        "title": name.upper(),
        "tier": 1,
        "owner": "ann",
        "rto": "8h",
        "primary": "here",
        "recovery": "there",
        "procedure": [work],
        "failback": [back],
        "primary_health": [{"kind": "tcp", "host": f"{name}.old", "port": 1}],
        "health": [{"kind": "tcp", "host": name, "port": 1}],
        "patience": "1m",
        **more,
    }


def loaded(text: str, **more: Any) -> LoadedPlan:
    return parse_plan(text, "plan.yaml", registry(), today=TODAY, known={"ann", "bob", "kim"}, **more)


def random_systems(count: int, seed: int) -> dict[str, dict[str, Any]]:
    """Each needs up to three of those before it; tiers at random."""
    dice = random.Random(seed)
    names = [f"s{number}" for number in range(count)]
    return {
        name: {
            "tier": dice.randrange(4),
            "needs": sorted(dice.sample(names[:number], min(number, dice.choice([0, 0, 1, 1, 2, 3])))),
        }
        for number, name in enumerate(names)
    }


async def until(condition: Any, seconds: float = 120.0) -> None:
    """Wait for something that must come; nothing is timed but giving up."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the engine does not tell that somebody waits
            await asyncio.sleep(0.005)


def long_ago(minutes: float = 60) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)
