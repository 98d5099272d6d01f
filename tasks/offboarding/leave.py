"""`offboarding.leave`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.offboarding._desk import desk
from tenantry.errors import CannotCheck
from tenantry.names import Slug
from tenantry.task import Change, Context, Impact, Task


class LeaveParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    provider: Annotated[Slug, Field(description="The provider's name in the tenant's file")]


class Leave(Task[LeaveParams]):
    """End our access to one system ourselves, as the last thing that we do there, and see that it is refused."""

    name = "offboarding.leave"
    needs = ("offboarding",)
    impact = Impact.IRREVERSIBLE
    no_undo = "The client lets us in again, if they want to."
    timeout = 60.0
    patience = 300.0
    Params = LeaveParams

    async def check(self, ctx: Context, p: LeaveParams) -> list[Change]:
        found = await desk(ctx).tried(p.provider)
        if found.state in ("unknown", "untried"):
            raise CannotCheck(f"whether {p.provider} still lets us in is not known: {found.why or 'no reason given'}")
        path = f"access/{p.provider}"
        now = ctx.seen(path, "lets us in" if found.state == "works" else "refuses us")
        return [] if now == "refuses us" else [Change(path=path, before=now, after="refuses us")]

    async def verify(self, ctx: Context, p: LeaveParams, changes: list[Change]) -> list[Change]:
        """What does not answer while it ends is asked again, and has refused nothing."""
        return [] if (await desk(ctx).tried(p.provider)).state in ("refused", "ended") else changes

    async def apply(self, ctx: Context, p: LeaveParams, changes: list[Change]) -> None:
        for _ in changes:
            await desk(ctx).leave(p.provider)
