"""The ``onboarding`` capability of a step."""

from __future__ import annotations

from tenantry.capabilities import Onboarding
from tenantry.task import Context


def desk(ctx: Context) -> Onboarding:
    """What the installation knows of the client."""
    return ctx.capability("onboarding")  # type: ignore[no-any-return]  # the assembly checks the Protocol
