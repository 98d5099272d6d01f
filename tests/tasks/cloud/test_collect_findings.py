from __future__ import annotations

from tasks.cloud.collect_findings import CollectFindings
from tests.support.cloud import CloudTenant
from tests.support.incident import read


async def test_findings_and_where_nobody_watches() -> None:
    tenant = CloudTenant("leaked_key")
    found = await read(tenant, CollectFindings)
    assert (found.total, found.detections[0].severity) == (1, "high")
    assert "guardduty in us-east-1" in found.unwatched
    assert "guardduty in eu-central-1" not in found.unwatched


async def test_none() -> None:
    found = await read(CloudTenant(), CollectFindings)
    assert (found.total, found.detections, len(found.evidence)) == (0, [], 1)
