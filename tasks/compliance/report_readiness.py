"""`compliance.report_readiness`"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.compliance.read_readiness import ReadReadiness
from tenantry.capabilities import Recorded
from tenantry.clock import rfc3339
from tenantry.errors import CannotCheck, Conflict
from tenantry.insurance.readiness import digest_of
from tenantry.task import Context, EvidenceRef, Outcome, Output, ReadTask

NAME: Final = "insurance-readiness-report"


class ReportParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of what was signed")]
    signed_by: Annotated[str, Field(min_length=1, max_length=200, description="Who signed it")]
    signed_at: Annotated[AwareDatetime, Field(description="When")]
    remark: Annotated[str, Field(max_length=4_000, description="What they said")] = ""


class ReadinessReported(Output):
    ready: bool
    signed_by: str
    evidence: list[EvidenceRef]


class ReportReadiness(ReadTask[ReportParams, ReadinessReported]):
    """Make the report for the insurer from what was signed: the data, one self-contained page, and a tagged PDF, kept as evidence.

    Nothing is measured anew, and nothing is reported that differs from what was signed.
    """

    name = "compliance.report_readiness"
    needs = ("recorded",)
    timeout = 120.0
    Params = ReportParams
    Output = ReadinessReported

    async def read(self, ctx: Context, p: ReportParams) -> ReadinessReported:
        # The layout and its typesetter are loaded by who makes a report.
        from tenantry.insurance.page import html
        from tenantry.insurance.pdf import pdf

        recorded: Recorded = ctx.capability("recorded")
        steps = (await recorded.run(ctx.run.run_id))["steps"]
        done = [one for one in steps if one["task"] == ReadReadiness.name and one["outcome"] == Outcome.OBSERVED.value]
        if not done:
            raise CannotCheck("no step of this run says how the client stands against its insurance")
        document = json.loads(await recorded.evidence(ctx.run.run_id, done[-1]["output"]["evidence"]["sha256"]))
        if digest_of(document) != p.digest:
            raise Conflict(
                "what was signed is not what this run has found",
                remedy="Begin the run anew, and have what it finds signed.",
            )
        signed = {"by": p.signed_by, "at": rfc3339(p.signed_at), "remark": p.remark, "digest": p.digest}
        made = {**document, "signed": signed}
        data = json.dumps(made, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
        page = await asyncio.to_thread(html, made)
        printed = await asyncio.to_thread(pdf, made)
        evidence = [
            await ctx.evidence.store_bytes(f"{NAME}.json", data),
            await ctx.evidence.store_bytes(f"{NAME}.html", page.encode("utf-8", "replace")),
            await ctx.evidence.store_bytes(f"{NAME}.pdf", printed),
        ]
        return ReadinessReported(ready=document["ready"], signed_by=p.signed_by, evidence=evidence)
