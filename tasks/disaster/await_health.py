"""`disaster.await_health`"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from tasks.disaster._looks import READS, WithProbes, failing, look
from tenantry.disaster.judge import Verdict
from tenantry.errors import CannotCheck, NotVerified
from tenantry.task import Context, Output, ReadTask

LONGEST = 24 * 3_600


class AwaitHealthParams(WithProbes):
    patience_seconds: Annotated[
        int, Field(ge=0, le=LONGEST, description="How long it may take until all of them hold; 0 looks once")
    ]


class Healthy(Output):
    healthy_at: datetime
    """When the last of them held."""
    looks: int
    checks: list[Verdict]


class AwaitHealth(ReadTask[AwaitHealthParams, Healthy]):
    """Wait until all health checks of a system hold at the same look; its recovery clock stops here, not when the last command returned.

    A page that is served with status 200 and is not the page that was expected does not hold. In a plan it looks once, and takes what it sees.
    """

    name = "disaster.await_health"
    needs = ("probing",)
    permissions = (READS,)
    timeout = LONGEST + 300.0
    pauses: ClassVar = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    """Seconds between two looks; the last one again and again."""
    Params = AwaitHealthParams
    Output = Healthy

    async def read(self, ctx: Context, p: AwaitHealthParams) -> Healthy:
        clock = asyncio.get_running_loop().time
        begun, looks = clock(), 0
        while True:
            verdicts = await look(ctx, p.probes)
            looks += 1
            passed = clock() - begun
            if all(one.holds for one in verdicts) or ctx.run.mode == "plan":
                return Healthy(healthy_at=ctx.now + timedelta(seconds=passed), looks=looks, checks=verdicts)
            pause = self.pauses[min(looks - 1, len(self.pauses) - 1)]
            if passed + pause > p.patience_seconds:
                break
            await asyncio.sleep(pause)
        told = f"not healthy after {looks} looks in {passed:.0f} s: {failing(verdicts)}"
        if any(one.holds is False for one in verdicts):
            raise NotVerified(
                told, remedy="Look at the system; approve to wait for it once more, or deny to go on without it."
            )
        raise CannotCheck(told, remedy="See how its checks are asked: whether it works is not known.")
