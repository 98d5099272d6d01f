"""Small tasks of every kind, for tests of runbooks: they are loaded and looked at, never run."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tenantry.discovery import TaskRegistry
from tenantry.task import AccountRef, Change, Context, HumanRequest, HumanTask, Impact, Output, ReadTask, Task


class Row(Output):
    id: str
    score: float = 0.0
    tags: Annotated[list[str], Field(default_factory=list)]


class Found(Output):
    accounts: list[Row]
    first: Row | None = None
    by_name: Annotated[dict[str, Row], Field(default_factory=dict)]
    count: int = 0
    clean: bool = False
    name: str = ""
    seen_at: datetime | None = None


class FindParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    since: datetime | None = None


class Find(ReadTask[FindParams, Found]):
    """Look for accounts."""

    name = "fake.find"
    needs = ("identity",)
    Params = FindParams
    Output = Found

    async def read(self, ctx: Context, p: FindParams) -> Found:
        return Found(accounts=[])


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


class Place(BaseModel):
    model_config = ConfigDict(extra="forbid")
    folder: str
    depth: int = 0


class BlockParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    level: Level = Level.LOW
    notify: bool = False
    ids: Annotated[list[str], Field(default_factory=list)]
    places: Annotated[list[Place], Field(default_factory=list)]
    place: Place | None = None
    since: datetime | None = None
    weights: Annotated[dict[str, float], Field(default_factory=dict)]

    @model_validator(mode="after")
    def _agree(self) -> BlockParams:
        if self.notify and self.level is Level.LOW:
            raise ValueError("nobody is told of the low level")
        return self


class _Effect(Task[BlockParams]):
    impact = Impact.REVERSIBLE
    needs = ("identity",)
    Params = BlockParams

    async def check(self, ctx: Context, p: BlockParams) -> list[Change]:
        return []

    async def apply(self, ctx: Context, p: BlockParams, changes: list[Change]) -> None: ...


class Block(_Effect):
    """Block one account."""

    name = "fake.block"

    async def undo(self, ctx: Context, p: BlockParams, changes: list[Change]) -> None: ...


class Reset(_Effect):
    """Reset something for good, harmlessly."""

    name = "fake.reset"
    no_undo = "the old one is not kept"


class Wipe(_Effect):
    """Delete data."""

    name = "fake.wipe"
    impact = Impact.IRREVERSIBLE
    no_undo = "deleted data does not come back"


class AskParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    question: str


class Ask(HumanTask[AskParams]):
    """Ask a person."""

    name = "human.ask"
    Params = AskParams

    def request(self, ctx: Context, p: AskParams) -> HumanRequest:
        return HumanRequest(question=p.question)


class NotifyParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    template: str
    to: list[str]
    facts: Annotated[dict[str, object], Field(default_factory=dict)]


class Notify(Task[NotifyParams]):
    """Send a message."""

    name = "messenger.notify"
    impact = Impact.REVERSIBLE
    needs = ("messenger",)
    no_undo = "a message cannot be unsent"
    Params = NotifyParams

    async def check(self, ctx: Context, p: NotifyParams) -> list[Change]:
        return []

    async def apply(self, ctx: Context, p: NotifyParams, changes: list[Change]) -> None: ...


REGISTRY = TaskRegistry.of(Find, Block, Reset, Wipe, Ask, Notify)

HEAD = """\
id: demo
version: 1
title: Demo
kind: incident
params:
  account: {type: account}
  severity: {type: choice, choices: [low, high], default: high}
  ips: {type: list, default: []}
  count: {type: integer, default: 3}
  since: {type: datetime, required: false}
phases: [look, act]
steps:
"""

LOOK = """\
  - id: find
    phase: look
    uses: fake.find
    with: {account: "${params.account}", limit: 5}
"""

ACT = """\
  - id: block
    phase: act
    uses: fake.block
    with: {account: "${item.id}", level: high, ids: ["${params.severity}", plain]}
    for_each: steps.find.output.accounts.filter(a, a.score > 0.5)
    expect_at_most: 5
"""

DEMO = HEAD + LOOK + ACT
