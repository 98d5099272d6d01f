"""``security_alerts`` over GuardDuty and Security Hub: what `integrations.aws.detections` lists, whatever its severity and whether it is over.

GuardDuty's API writes its names with capitals where EventBridge writes them without; the same source reads both, so they are written as EventBridge does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from integrations.aws.detections import AwsFindings
from tenantry.capabilities.security_alerts import SecurityAlert

__all__ = ["AwsSecurityAlerts"]

_DEEPEST: Final = 40


class AwsSecurityAlerts:
    """Implements :class:`tenantry.capabilities.SecurityAlerts`."""

    def __init__(self, findings: AwsFindings) -> None:
        self._findings = findings

    async def alerts(self, since: datetime) -> AsyncIterator[SecurityAlert]:
        """Region by region: GuardDuty's, then Security Hub's."""
        async for found in self._findings.findings(since, least="informational", closed=True):
            pushed = found.service == "guardduty"
            raw = _uncapitalised(found.raw) if pushed else found.raw
            yield SecurityAlert(kind=found.service, id=found.id, updated_at=found.updated_at, raw=raw)


def _uncapitalised(value: Any, deep: int = 0) -> Any:
    if deep > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _uncapitalised(one, deep + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_uncapitalised(one, deep + 1) for one in value]
    return value
