"""`cloud.collect_findings`"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks._rows import RowStore
from tasks._window import LookBack
from tasks.cloud._guards import aws
from tenantry.task import Context, EvidenceRef, Output, ReadTask

MAX_LISTED = 500


class Detected(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    severity: str
    type: str
    title: str
    updated_at: datetime
    resources: list[str]


class Detections(Output):
    total: int
    detections: list[Detected]
    """The first 500; all of them are in the evidence."""
    unwatched: list[str]
    """Detectors that are off, with their region: there, no finding proves nothing."""
    evidence: list[EvidenceRef]


class CollectFindings(ReadTask[LookBack, Detections]):
    """Keep what the vendor's own detectors found in the cloud account, and name where none is watching."""

    name = "cloud.collect_findings"
    needs = ("findings",)
    permissions = (
        aws("guardduty:ListDetectors", "guardduty:GetDetector", "guardduty:ListFindings", "guardduty:GetFindings"),
        aws("securityhub:DescribeHub", "securityhub:GetFindings"),
    )
    timeout = 300.0
    Params = LookBack
    Output = Detections

    async def read(self, ctx: Context, p: LookBack) -> Detections:
        rows = RowStore(ctx, "findings")
        found: list[Detected] = []
        async for finding in ctx.findings.findings(p.start(ctx), closed=True):
            await rows.add(finding.raw)
            if len(found) < MAX_LISTED:
                found.append(
                    Detected(
                        id=finding.id,
                        severity=finding.severity,
                        type=finding.type,
                        title=finding.title,
                        updated_at=finding.updated_at,
                        resources=list(finding.resources),
                    )
                )
        states = await ctx.findings.detectors()
        return Detections(
            total=rows.total,
            detections=found,
            unwatched=[f"{state.service} in {state.region}" for state in states if not state.enabled],
            evidence=await rows.close(),
        )
