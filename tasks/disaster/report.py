"""`disaster.report`"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tenantry.capabilities import Recorded
from tenantry.clock import rfc3339
from tenantry.disaster.measure import Achieved
from tenantry.disaster.report.document import document
from tenantry.task import Context, EvidenceRef, Output, ReadTask

NAME: Final = "disaster-report"
TRAINING: Final = "training-record.json"
"""Of a drill or rehearsal: who took part in what, and what it was worth."""


class ReportParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    systems: Annotated[list[Achieved], Field(max_length=200, description="What was measured")]
    outage_began: Annotated[AwareDatetime, Field(description="What the clocks count from")]
    findings: Annotated[list[str], Field(max_length=1_000, description="What was wrong with the plan")] = []
    gaps: Annotated[list[str], Field(max_length=1_000, description="Of a rehearsal: what was not rehearsed")] = []
    up_before: Annotated[list[str], Field(max_length=200, description="Systems that worked when the run began")] = []
    lessons: Annotated[str, Field(max_length=4_000, description="What was learnt, in the words of who wrote it")] = ""


class DisasterReport(Output):
    summary: list[str]
    badges: list[str]
    evidence: list[EvidenceRef]


class MakeDisasterReport(ReadTask[ReportParams, DisasterReport]):
    """Make the report of an activation or drill from its record: the data, one self-contained page, and a tagged PDF, kept as evidence.

    Of a drill or rehearsal there is the training record of those who took part as well. Nothing is asked of the client's systems.
    """

    name = "disaster.report"
    needs = ("recorded",)
    timeout = 120.0
    Params = ReportParams
    Output = DisasterReport

    async def read(self, ctx: Context, p: ReportParams) -> DisasterReport:
        # The layout and its typesetter are loaded by who makes a report.
        from tenantry.disaster.report.page import html
        from tenantry.disaster.report.pdf import pdf

        recorded: Recorded = ctx.capability("recorded")
        run = await recorded.run(ctx.run.run_id)
        client = str(ctx.subject.get("display_name") or ctx.subject.get("name") or ctx.run.tenant)
        made = document(
            run,
            p.systems,
            client=client,
            at=rfc3339(ctx.now),
            findings=p.findings,
            lessons=p.lessons,
            gaps=p.gaps,
            up_before=p.up_before,
            step=ctx.run.step,
        )
        page = await asyncio.to_thread(html, made)
        printed = await asyncio.to_thread(pdf, made)
        data = json.dumps(made, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
        evidence = [
            await ctx.evidence.store_bytes(f"{NAME}.json", data),
            await ctx.evidence.store_bytes(f"{NAME}.html", page.encode("utf-8", "replace")),
            await ctx.evidence.store_bytes(f"{NAME}.pdf", printed),
        ]
        if made["score"] is not None:
            keys = ("client", "plan", "title", "run_id", "mode", "purpose", "at", "participants", "score", "lessons")
            trained = json.dumps({key: made[key] for key in keys}, sort_keys=True, ensure_ascii=False)
            evidence.append(await ctx.evidence.store_bytes(TRAINING, trained.encode("utf-8", "replace")))
        return DisasterReport(summary=made["told"], badges=[one["text"] for one in made["badges"]], evidence=evidence)
