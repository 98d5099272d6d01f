"""Amazon GuardDuty's findings, as EventBridge sends them, with or without SNS between.

https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html; severities:
https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.alerts.model import Alert, Entity
from tenantry.alerts.reading import Reading, severity_of
from tenantry.alerts.source import Source

_STEPS: Final = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (1.0, "low"))
_ABOUT: Final = (
    ("resource.accessKeyDetails.accessKeyId", "access_key"),
    ("resource.instanceDetails.instanceId", "instance"),
    ("resource.s3BucketDetails.0.name", "bucket"),
)


class Guardduty(Source):
    """GuardDuty's findings through EventBridge."""

    kind = "guardduty"
    title = "Amazon GuardDuty"
    proofs = ("sns", "token", "hmac")

    def items(self, body: Any, settings: Mapping[str, Any]) -> list[Any]:
        del settings
        event = Reading(body)
        return [body if event.at("detail") is None else event.at("detail")]

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        found, kind = item.text("id", 150), item.text("type")
        return Alert(
            uid=f"{found}@{item.text('updatedAt', 60)}",  # GuardDuty tells again of a finding that goes on, under its id
            finding=found,
            title=item.maybe("title") or kind,
            desc=item.maybe("description", 4_000),
            severity=severity_of(item.number("severity"), _STEPS),
            types=(kind,),
            entities=tuple(Entity(type=of, id=name) for path, of in _ABOUT if (name := item.maybe(path))),
            customer=item.text("accountId"),
            at=item.time("createdAt"),
            product="Amazon GuardDuty",
            same=(kind, item.maybe("region")),
            resolved=item.at("service.archived") is True,
        )
