"""AWS Security Hub's findings (ASFF), as EventBridge sends them, with or without SNS between, and as its API lists them.

https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.alerts.model import MAX_ENTITIES, Alert, Entity
from tenantry.alerts.reading import Reading
from tenantry.alerts.source import Source, listed

_SEVERITY: Final = {
    "INFORMATIONAL": "info",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "CRITICAL": "critical",
}
_TYPES: Final = {"AwsIamAccessKey": "access_key", "AwsEc2Instance": "instance", "AwsS3Bucket": "bucket"}
_CLOSED: Final = frozenset({"RESOLVED", "SUPPRESSED"})


class Securityhub(Source):
    """Security Hub's findings."""

    kind = "securityhub"
    title = "AWS Security Hub"
    proofs = ("sns", "token", "hmac")

    def items(self, body: Any, settings: Mapping[str, Any]) -> list[Any]:
        del settings
        event = Reading(body)
        return listed(body if event.at("detail") is None else event.at("detail"), "findings")

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        found = item.text("Id")
        kind = item.maybe("Types.0") or item.text("GeneratorId")
        entities: dict[str, Entity] = {}
        for resource in item.objects("Resources"):
            # The last part of an ARN is what the thing itself is called.
            name = resource.maybe("Id").rpartition("/")[2].rpartition(":")[2]
            of = _TYPES.get(resource.maybe("Type"), "other")
            if name:
                entity = Entity(type=of, id=name if of != "other" else resource.maybe("Id"))
                entities.setdefault(entity.key(), entity)
        return Alert(
            uid=f"{found}@{item.text('UpdatedAt', 60)}"[-300:],
            finding=found,
            title=item.maybe("Title") or kind,
            desc=item.maybe("Description", 4_000),
            severity=_SEVERITY.get(item.maybe("Severity.Label"), "medium"),
            types=(kind,),
            entities=tuple(entities.values())[:MAX_ENTITIES],
            customer=item.text("AwsAccountId"),
            at=item.time("CreatedAt"),
            product=item.maybe("ProductName") or "AWS Security Hub",
            same=(kind, item.maybe("Region")),
            resolved=item.maybe("RecordState") == "ARCHIVED" or item.maybe("Workflow.Status") in _CLOSED,
        )
