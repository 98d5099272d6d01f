"""`disaster.validate_data`"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.disaster._looks import READS, DataProbes
from tenantry.capabilities import ProbeAnswer, Probing
from tenantry.disaster.probes import name_of
from tenantry.errors import CannotCheck, NotVerified
from tenantry.task import Context, Output, ReadTask, utc


class ValidateDataParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    probes: DataProbes
    outage_began: Annotated[AwareDatetime, Field(description="What the loss is counted back from")]
    rpo_seconds: Annotated[
        int | None, Field(ge=0, description="Most that may be lost; none: it is measured and not judged")
    ] = None


class FoundData(BaseModel):
    model_config = ConfigDict(extra="forbid")
    check: str
    count: int | None
    newest: datetime | None
    said: str


class Validated(Output):
    found: list[FoundData]
    lost_seconds: float | None
    """From the newest data to the outage, in the place that lost most; None in a drill."""


class ValidateData(ReadTask[ValidateDataParams, Validated]):
    """Look at recovered data: that it is not empty, and how new it is. The RPO achieved is measured here and not assumed.

    NIST SP 800-34 Rev. 1, section 4.4.2 (data validation). Fewer rows or files than the plan expects, and data older than the RPO allows, are failures: whether
    to go on with them is a person's to say, and stands in the report.
    """

    name = "disaster.validate_data"
    needs = ("probing",)
    permissions = (READS,)
    timeout = 300.0
    Params = ValidateDataParams
    Output = Validated

    async def read(self, ctx: Context, p: ValidateDataParams) -> Validated:
        probing: Probing = ctx.capability("probing")
        answers = await asyncio.gather(*(probing.ask(probe) for probe in p.probes))
        found = [_found(name_of(probe), answer) for probe, answer in zip(p.probes, answers, strict=True)]
        if all(answer.rehearsed for answer in answers) or ctx.run.mode == "plan":
            return Validated(found=found, lost_seconds=None)
        silent = [one for one, answer in zip(found, answers, strict=True) if not answer.asked]
        if silent:
            raise CannotCheck(
                f"{silent[0].check}: {silent[0].said}",
                remedy="See how the data can be looked at: whether it is there is not known.",
            )
        seen = [one.model_dump(mode="json") for one in found]
        for probe, one in zip(p.probes, found, strict=True):
            if one.said or one.count is None or one.count < probe.at_least:
                raise NotVerified(
                    f"{one.check}: {one.said or f'{one.count or 0} there, and at least {probe.at_least} were expected'}",
                    remedy="This is an empty or another backup: restore the right one, then approve to look again.",
                    found=seen,
                )
            if one.newest is None:
                raise NotVerified(f"{one.check}: it has no time, so nobody knows how old it is", found=seen)
        lost = max(max(0.0, (p.outage_began - one.newest).total_seconds()) for one in found if one.newest is not None)
        if p.rpo_seconds is not None and lost > p.rpo_seconds:
            raise NotVerified(
                f"the newest data is {lost / 60:.0f} minutes older than the outage, and {p.rpo_seconds / 60:.0f} may be lost: this is an older backup",
                remedy="Restore a newer one, then approve to look again; or deny, with the reason why this is what there is.",
                found=seen,
            )
        return Validated(found=found, lost_seconds=lost)


def _found(check: str, answer: ProbeAnswer) -> FoundData:
    newest = utc(answer.newest) if answer.newest is not None else None
    said = "rehearsed" if answer.rehearsed else answer.error
    return FoundData(check=check, count=answer.count, newest=newest, said=said)
