"""What the tasks about services and databases on hosts share."""

from __future__ import annotations

from tenantry.capabilities import HostService
from tenantry.task import Context


def services(ctx: Context) -> HostService:
    """The capability, typed."""
    found: HostService = ctx.capability("host_service")
    return found
