"""The ``offboarding`` capability of a step."""

from __future__ import annotations

from tenantry.capabilities import Offboarding
from tenantry.task import Context


def desk(ctx: Context) -> Offboarding:
    """What the installation knows of the client that leaves."""
    return ctx.capability("offboarding")  # type: ignore[no-any-return]  # the assembly checks the Protocol
