"""`offboarding.read_access`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.human._text import clean
from tasks.offboarding._desk import desk
from tenantry.task import Context, NoParams, Output, ReadTask


class WayIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    provider: str
    vendor: str
    what: list[str]


class AccessListed(Output):
    """Every way in that we have. ``leaves``: providers where we can end it ourselves; ``by_hand``: what a person removes."""

    ways: list[WayIn]
    leaves: list[str]
    by_hand: list[str]


class ReadAccess(ReadTask[NoParams, AccessListed]):
    """List every way in that we have at the client, and which of them we can end ourselves."""

    name = "offboarding.read_access"
    needs = ("offboarding",)
    timeout = 300.0
    Output = AccessListed

    async def read(self, ctx: Context, p: NoParams) -> AccessListed:  # noqa: ARG002  # it has none
        found = await desk(ctx).accesses()
        return AccessListed(
            ways=[
                WayIn(provider=one.provider, vendor=one.vendor, what=[clean(line) for line in one.what])
                for one in found
            ],
            leaves=[one.provider for one in found if one.by_itself],
            by_hand=[
                clean(f"{one.provider} ({one.vendor}): {line}")
                for one in found
                for line in (one.remains if one.by_itself else one.what)
            ],
        )
