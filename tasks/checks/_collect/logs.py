"""What vendors log, record by record, in their own form: detections and statistics look at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["sign_ins"]


@collector(
    "identity",
    log="entra-signin",
    permissions=(Permission(vendor="microsoft365", names=("AuditLog.Read.All", "Directory.Read.All")),),
)
async def sign_ins(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    """Everybody's sign-ins in the window."""
    identity = await given.capability("identity")
    async for found in identity.sign_ins(None, given.look.since, given.look.now):
        yield found.raw
