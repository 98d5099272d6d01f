"""How far back an incident's reads look, given the same way by every one of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tenantry.task import AccountRef, Context, utc

LOOK_BACK_DAYS = 30
"""As long as Entra ID keeps sign-ins and audit events for tenants with P1 or P2; without, it is 7 days.
https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention"""

Accounts = Annotated[
    list[AccountRef],
    Field(max_length=500, description="User principal names or object ids; none is a valid answer, and reads nothing"),
]


class LookBack(BaseModel):
    """Base of the parameters of reads that go back in time."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[
        AwareDatetime | None,
        Field(description="Start of the look-back; what lies before it is taken as ordinary"),
    ] = None
    look_back_days: Annotated[int, Field(ge=1, le=180, description="Days to look back when no start is given")] = (
        LOOK_BACK_DAYS
    )

    def start(self, ctx: Context) -> datetime:
        """``since``, or ``look_back_days`` before the run began: the same on every resume."""
        if self.since is not None:
            return utc(self.since)
        return utc(ctx.run.started_at) - timedelta(days=self.look_back_days)
