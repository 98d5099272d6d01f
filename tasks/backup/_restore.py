"""One recovery point in the cloud, for the tasks that restore it and look at what came of it."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenantry.task import Context


class OnePoint(BaseModel):
    """Parameters."""

    model_config = ConfigDict(extra="forbid")
    point: Annotated[str, Field(min_length=1, max_length=1000, description="Id of the recovery point")]


def token(ctx: Context, p: OnePoint) -> str:
    """Of this run's restore of the point, for ever."""
    return f"{ctx.run.run_id}/{p.point}"


def name_of(ctx: Context, p: OnePoint) -> str:
    """What the restored thing is called: letters, digits and dashes, as every vendor takes them."""
    return f"restored-{hashlib.sha256(token(ctx, p).encode()).hexdigest()[:12]}"
