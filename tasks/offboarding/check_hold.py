"""`offboarding.check_hold`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.human._text import clean
from tasks.offboarding._desk import desk
from tenantry.task import Context, NoParams, Output, ReadTask


class HoldFound(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    matter: str
    scope: str
    since: str
    by: str


class HoldChecked(Output):
    """Whether a legal hold stands. It keeps everything from being deleted, and nothing else of an offboarding from being done."""

    in_force: bool
    holds: list[HoldFound]


class CheckHold(ReadTask[NoParams, HoldChecked]):
    """Look whether a legal hold stands for the client: in their file, or set in the record."""

    name = "offboarding.check_hold"
    needs = ("offboarding",)
    Output = HoldChecked

    async def read(self, ctx: Context, p: NoParams) -> HoldChecked:  # noqa: ARG002  # it has none
        found = [HoldFound(**one.model_dump()) for one in await desk(ctx).holds()]
        for one in found:
            one.matter, one.scope = clean(one.matter), clean(one.scope)
        return HoldChecked(in_force=bool(found), holds=found)
