"""Asking the checks of a plan, for the tasks that do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenantry.capabilities import Probing
from tenantry.disaster.judge import Verdict, judged
from tenantry.disaster.probes import DataProbe, Probe
from tenantry.task import Context, Permission

READS = Permission(vendor="linux", names=("find", "runuser"))
"""What checks on hosts may take as root; a command of the plan's own is granted by hand."""

Probes = Annotated[list[Probe], Field(min_length=1, max_length=50, description="The checks, as the plan says them")]
DataProbes = Annotated[list[DataProbe], Field(min_length=1, max_length=50, description="Looks at the data")]


class WithProbes(BaseModel):
    model_config = ConfigDict(extra="forbid")
    probes: Probes


async def look(ctx: Context, probes: Sequence[BaseModel]) -> list[Verdict]:
    """Every check once, all at the same time."""
    probing: Probing = ctx.capability("probing")

    async def one(probe: BaseModel) -> Verdict:
        return judged(probe, await probing.ask(probe), ctx.now)

    return list(await asyncio.gather(*map(one, probes)))


def failing(verdicts: Sequence[Verdict]) -> str:
    """What does not hold, in one line."""
    return "; ".join(f"{one.check}: {one.said}" for one in verdicts if not one.holds)[:1_500]
