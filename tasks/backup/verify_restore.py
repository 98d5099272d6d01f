"""`backup.verify_restore`"""

from __future__ import annotations

from tasks.backup._restore import OnePoint, token
from tasks.backup.find_point import LOOKS, READS
from tenantry.errors import NotVerified
from tenantry.task import Context, Output, ReadTask


class Verified(Output):
    point: str
    result: str | None
    """What was restored."""
    verified: bool
    """True only where the vendor compared it; else a person looks at it before it is used."""
    checked: int
    limits: str


class VerifyRestore(ReadTask[OnePoint, Verified]):
    """Say whether what was restored is what was backed up, as far as the vendor can tell. NIST CSF 2.0, RC.RP-05."""

    name = "backup.verify_restore"
    needs = ("backup",)
    permissions = (READS, LOOKS)
    timeout = 600.0
    Params = OnePoint
    Output = Verified

    async def read(self, ctx: Context, p: OnePoint) -> Verified:
        if ctx.run.mode == "plan":
            return Verified(point=p.point, result=None, verified=False, checked=0, limits="a plan restores nothing")
        begun = await ctx.backup.job_of(token(ctx, p))
        if begun is None:
            raise NotVerified("no restore of this recovery point can be found")
        job = await ctx.backup.job(begun.id)
        found = await ctx.backup.verify(job.id)
        if found.state in ("differs", "failed"):
            raise NotVerified(f"what was restored is not what was backed up: {'; '.join(found.differences[:5])}")
        return Verified(
            point=p.point,
            result=job.result,
            verified=found.state == "verified",
            checked=found.checked,
            limits=found.limits,
        )
