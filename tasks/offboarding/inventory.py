"""`offboarding.inventory`"""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks._rows import evidence_name
from tasks.human._text import clean
from tasks.offboarding._desk import desk
from tenantry.task import Context, EvidenceRef, NoParams, Output, ReadTask


class Held(BaseModel):
    """One place. ``count`` is None where it is not known, or there is nothing."""

    model_config = ConfigDict(extra="forbid")
    id: str
    what: str
    where: str
    state: Literal["held", "nothing", "unknown"]
    count: int | None
    unit: str
    ours: bool


class InventoryTaken(Output):
    """Everything that is held for the client. ``unknown``: places that could not be asked, which is not that there is nothing."""

    held: list[Held]
    unknown: list[str]
    summary: list[str]
    evidence: EvidenceRef


class TakeInventory(ReadTask[NoParams, InventoryTaken]):
    """List everything that is held for the client: in this installation, in our own stores, and our access to their systems."""

    name = "offboarding.inventory"
    needs = ("offboarding",)
    timeout = 600.0
    Output = InventoryTaken

    async def read(self, ctx: Context, p: NoParams) -> InventoryTaken:  # noqa: ARG002  # it has none
        found = await desk(ctx).holdings()
        rows = [one.model_dump(mode="json") for one in found]
        return InventoryTaken(
            held=[
                Held(
                    id=one.id,
                    what=clean(one.what),
                    where=clean(one.where),
                    state=one.state,
                    count=one.count,
                    unit=one.unit,
                    ours=one.ours,
                )
                for one in found
            ],
            unknown=[
                clean(f"{one.id}: {one.why or 'it could not be looked at'}") for one in found if one.state == "unknown"
            ],
            summary=[
                clean(f"{one.what}: {one.count} {one.unit}" if one.state == "held" else f"{one.what}: {one.state}")
                for one in found
            ],
            evidence=await ctx.evidence.store_bytes(
                evidence_name(ctx, "inventory.json"), json.dumps(rows, sort_keys=True, ensure_ascii=False).encode()
            ),
        )
