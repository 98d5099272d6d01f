"""`onboarding.inventory`"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks._permissions import merged
from tasks._rows import RowStore
from tasks.onboarding._assets import KINDS, Kind, Reading
from tasks.onboarding.read_access import SystemRead
from tenantry.abreast import first_of
from tenantry.capabilities import ConnectedSystem, Looking
from tenantry.errors import BrokerUnavailable, NoProvider, RecordError, TaskDefect, TenantryError
from tenantry.sweep.check import Look
from tenantry.task import Context, EvidenceRef, Output, ReadTask

_ABREAST: Final = 4
State = Literal["looked", "partly", "not_looked", "nothing_connected"]


class Counted(BaseModel):
    """One kind of thing that the client has.

    Attributes:
        count: how many were seen; with ``partly`` there are more.
        state: all of it was looked at; a part; nothing could be; or no connected system knows such things.
        why: why not everything was seen, a sentence each.
    """

    model_config = ConfigDict(extra="forbid")
    kind: str
    title: str
    count: int
    state: State
    why: list[str]
    evidence: list[EvidenceRef]


class Inventory(Output):
    """What the client has, and what of it could not be looked at."""

    kinds: list[Counted]
    systems: list[ConnectedSystem]
    complete: bool
    """Every system answers, and every kind that one of them knows was looked at whole."""


class InventoryParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    stands: Annotated[
        list[SystemRead],
        Field(description="How we stand at systems, as onboarding.read_access saw it: these are not tried again"),
    ] = []


class TakeInventory(ReadTask[InventoryParams, Inventory]):
    """Count what a client has (accounts, mailboxes, devices, servers, cloud, domains) and keep the lists as evidence.

    Rows are streamed into the evidence, a file a kind. What could not be looked at is said for each kind and is never a zero. NIST CSF 2.0,
    ID.AM-01, ID.AM-02, ID.AM-04.
    """

    name = "onboarding.inventory"
    needs = ("looking",)
    permissions = merged(
        permission for kind in KINDS for reading in kind.readings for permission in reading.source.permissions
    )
    timeout = 3600.0
    Params = InventoryParams
    Output = Inventory

    async def read(self, ctx: Context, p: InventoryParams) -> Inventory:
        seen = {one.provider: _connected(one) for one in p.stands}
        looking: Looking = ctx.capability("looking")
        look = await looking.look(ctx.now, 1)
        limit = asyncio.Semaphore(_ABREAST)

        async def one(kind: Kind) -> Counted:
            async with limit:
                return await _Count(ctx, looking, look, kind).made()

        try:
            async with asyncio.TaskGroup() as group:
                tried = group.create_task(looking.systems(frozenset(seen)))
                kinds = [group.create_task(one(kind)) for kind in KINDS]
        except BaseExceptionGroup as errors:
            raise first_of(errors) from errors
        counted, systems = [task.result() for task in kinds], [*seen.values(), *tried.result()]
        whole = all(one.state in ("looked", "nothing_connected") for one in counted)
        return Inventory(
            kinds=counted, systems=systems, complete=whole and all(one.works is not False for one in systems)
        )


def _connected(one: SystemRead) -> ConnectedSystem:
    """As the report shows it. What shows in use alone is not known."""
    works = {"works": True, "untried": None}.get(one.state, False)
    why = next(iter(one.problems), one.state) if works is False else ""
    return ConnectedSystem(
        key=one.provider,
        vendor=one.vendor,
        works=works,
        why=why,
        missing=tuple(one.problems) if works else (),
    )


class _Count:
    """One kind, read to its end."""

    def __init__(self, ctx: Context, looking: Looking, look: Look, kind: Kind) -> None:
        self._looking = looking
        self._look = look
        self._kind = kind
        self._rows = RowStore(ctx, kind.name)
        self._seen: set[str] | None = set() if len(kind.readings) > 1 and not kind.first else None
        self._why: list[str] = []
        self._whole = 0

    async def made(self) -> Counted:
        for reading in self._kind.readings:
            if await self._read(reading) and self._kind.first:
                break
        total = self._rows.total
        evidence = await self._rows.close() if self._whole or self._why else []
        return Counted(
            kind=self._kind.name, title=self._kind.title, count=total, state=self._state(), why=self._why, evidence=evidence
        )  # fmt: skip

    def _state(self) -> State:
        if not self._why:
            return "looked" if self._whole else "nothing_connected"
        return "partly" if self._whole or self._rows.total else "not_looked"

    async def _read(self, reading: Reading) -> bool:
        """Whether the client has something that was asked, however that went."""
        try:
            async for fact in self._looking.facts(reading.source, self._look):
                await self._add(reading.row(fact))
        except NoProvider:
            return False
        except (RecordError, BrokerUnavailable):
            raise  # what is wrong with this machine is no answer of the client's
        except TenantryError as error:
            if error.message not in self._why:
                self._why.append(error.message[:400])
        except Exception as error:  # noqa: BLE001  # a defect in one reading must not hide what the others see
            self._why.append(TaskDefect.of(reading.source.name, error).message)
        else:
            self._whole += 1
        return True

    async def _add(self, row: dict[str, object] | None) -> None:
        if row is None:
            return
        if self._seen is not None:
            if str(row["id"]) in self._seen:
                return
            self._seen.add(str(row["id"]))
        await self._rows.add({"kind": self._kind.name, **row})
