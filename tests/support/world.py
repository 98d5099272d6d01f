"""A tiny world to change, as strict as needed to test the engine: named switches, each write counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities import CAPABILITIES
from tenantry.discovery import TaskRegistry
from tenantry.errors import Conflict
from tenantry.task import Change, Context, HumanRequest, HumanTask, Impact, Output, ReadTask, Task


class World:
    """Switches by name. ``trouble(kind, name)`` may raise, sleep or kill; called before and after each write."""

    def __init__(self, **switches: Any) -> None:
        self.switches: dict[str, Any] = dict(switches)
        self.writes: list[tuple[str, Any]] = []
        self.trouble: Callable[[str, str], Any] = lambda _kind, _name: None
        self.lag = 0
        self._seen: dict[str, list[Any]] = {}

    async def read(self, name: str) -> Any:
        await self._meet("read", name)
        stale = self._seen.get(name)
        if stale:
            return stale.pop()
        return self.switches.get(name)

    async def write(self, name: str, value: Any) -> None:
        await self._meet("before", name)
        if self.lag:
            self._seen[name] = [self.switches.get(name)] * self.lag
        self.switches[name] = value
        self.writes.append((name, value))
        await self._meet("after", name)

    async def _meet(self, kind: str, name: str) -> None:
        met = self.trouble(kind, name)
        if asyncio.iscoroutine(met):
            await met


class Switch(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    to: str = "on"


class _Set(Task[Switch]):
    """Set a switch."""

    needs = ("identity",)
    Params = Switch
    timeout = 0.5
    patience = 1.0

    async def check(self, ctx: Context, p: Switch) -> list[Change]:
        now = ctx.seen(f"switch/{p.name}", await ctx.capability("identity").read(p.name))
        return [] if now == p.to else [Change(path=f"switch/{p.name}", before=now, after=p.to)]

    async def apply(self, ctx: Context, p: Switch, changes: list[Change]) -> None:
        for change in changes:
            await ctx.capability("identity").write(p.name, change.after)


class TurnOn(_Set):
    """Set a switch."""

    name = "world.turn_on"
    impact = Impact.REVERSIBLE

    async def undo(self, ctx: Context, p: Switch, changes: list[Change]) -> None:
        world = ctx.capability("identity")
        for change in changes:
            now = await world.read(p.name)
            if now == change.before:
                continue
            if now != change.after:
                raise Conflict(f"{p.name} is {now!r} now")
            await world.write(p.name, change.before)


class Evict(TurnOn):
    """Take a foothold away."""

    name = "world.evict"
    removes_foothold = True


class Wipe(_Set):
    """Delete for good."""

    name = "world.wipe"
    impact = Impact.IRREVERSIBLE
    no_undo = "deleted for good"


class Guarded(TurnOn):
    """Set a switch that somebody watches over."""

    name = "world.guarded"

    async def guard(self, ctx: Context, p: Switch) -> list[str]:
        await ctx.capability("identity").read(f"_watch/{p.name}")
        return [f"{p.name} is privileged"] if p.name.startswith("admin") else []


class Listing(Output):
    names: list[str]
    count: int


class NoParams(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ListSwitches(ReadTask[NoParams, Listing]):
    """Name the switches."""

    name = "world.list_switches"
    needs = ("identity",)
    Params = NoParams
    Output = Listing
    timeout = 0.5

    async def read(self, ctx: Context, p: NoParams) -> Listing:
        world = ctx.capability("identity")
        await world.read("*")
        names = sorted(name for name in world.switches if not name.startswith("_"))
        await ctx.evidence.store_rows("switches", [{"name": name} for name in names])
        return Listing(names=names, count=len(names))


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")
    question: str
    role: str = "engineer"


class Ask(HumanTask[Question]):
    """Ask a person."""

    name = "world.ask"
    Params = Question

    def request(self, ctx: Context, p: Question) -> HumanRequest:
        return HumanRequest(question=p.question, role=p.role)


def registry() -> TaskRegistry:
    return TaskRegistry.of(TurnOn, Evict, Wipe, Guarded, ListSwitches, Ask)


__all__ = ["CAPABILITIES", "World", "registry"]
