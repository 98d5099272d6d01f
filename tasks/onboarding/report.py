"""`onboarding.report`"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tasks.compliance.assess import Assess
from tasks.incident.open_incident import OpenIncident
from tenantry.capabilities import Incidents, Recorded, Risks
from tenantry.clock import rfc3339
from tenantry.onboarding.document import SWEEP, Sources, document
from tenantry.task import Context, EvidenceRef, NoParams, Outcome, Output, ReadTask

AGREEMENT: Final = "onboarding.read_agreement"
"""What was agreed is the evidence of this step, where the run has one."""
NAME: Final = "onboarding-report"


class Reported(Output):
    """The report's first page, and where its renderings are."""

    summary: list[str]
    badges: list[str]
    gaps: list[str]
    """What was not looked at; empty: nothing is known to be missing."""
    waits: int
    """How many things wait for somebody."""
    incidents: list[str]
    """Runs that answer what was found."""
    evidence: list[EvidenceRef]


class MakeReport(ReadTask[NoParams, Reported]):
    """Make the onboarding report for the client, as page and as PDF, from the run's record and the risk register alone.

    Kept as evidence of the run: the data, one self-contained page, and a tagged PDF. Nothing is asked of the client's systems.
    """

    name = "onboarding.report"
    needs = ("recorded", "risks", "incidents")
    timeout = 120.0
    Params = NoParams
    Output = Reported

    async def read(self, ctx: Context, p: NoParams) -> Reported:
        del p
        # The layout and its typesetter are loaded by who makes a report.
        from tenantry.onboarding.page import html
        from tenantry.onboarding.pdf import pdf

        made = document(await _sources(ctx))
        page = await asyncio.to_thread(html, made)
        printed = await asyncio.to_thread(pdf, made)
        data = json.dumps(made, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
        evidence = [
            await ctx.evidence.store_bytes(f"{NAME}.json", data),
            await ctx.evidence.store_bytes(f"{NAME}.html", page.encode("utf-8", "replace")),
            await ctx.evidence.store_bytes(f"{NAME}.pdf", printed),
        ]
        return Reported(
            summary=made["told"],
            badges=[one["text"] for one in made["badges"]],
            gaps=made["gaps"],
            waits=len(made["waits"]),
            incidents=[one["run_id"] for one in made["incidents"]],
            evidence=evidence,
        )


async def _sources(ctx: Context) -> Sources:
    recorded: Recorded = ctx.capability("recorded")
    risks: Risks = ctx.capability("risks")
    run = await recorded.run(ctx.run.run_id)
    steps = [step for step in run["steps"] if step["id"] != ctx.run.step]
    agreement = await _kept(ctx, recorded, steps, AGREEMENT)
    lacking = next((one["output"].get("lacking") for one in _done(steps, AGREEMENT)), None)
    return Sources(
        run=run,
        subject=agreement if agreement is not None else ctx.subject,
        sweep=await _kept(ctx, recorded, steps, SWEEP),
        baseline=_baseline(await _kept(ctx, recorded, steps, Assess.name)),
        risks=[one.as_dict() for one in (await risks.read(ctx.run.run_id)).open()],
        incidents=await _incidents(ctx, steps),
        at=rfc3339(ctx.now),
        step=ctx.run.step,
        lacking=lacking or (),
    )


def _baseline(assessed: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What the client was held against, as the report has it: one list of measures."""
    if assessed is None or not assessed["baselines"]:
        return None
    held = assessed["baselines"]
    return {
        **{"baseline": held[0]["id"], "version": held[0]["version"], "title": ", ".join(one["title"] for one in held)},
        "policies": [policy for one in held for policy in one["policies"]],
    }


def _done(steps: Sequence[Mapping[str, Any]], task: str) -> list[Mapping[str, Any]]:
    """Readings of a task that came to a result, the newest first."""
    done = [one for one in steps if one["task"] == task and one["outcome"] == Outcome.OBSERVED.value and one["output"]]
    return done[::-1]


async def _kept(
    ctx: Context, recorded: Recorded, steps: Sequence[Mapping[str, Any]], task: str
) -> Mapping[str, Any] | None:
    """What the newest reading of a task kept as evidence; None: there is none."""
    for one in _done(steps, task):
        found: Mapping[str, Any] = json.loads(
            await recorded.evidence(ctx.run.run_id, one["output"]["evidence"]["sha256"])
        )
        return found
    return None


async def _incidents(ctx: Context, steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Runs that answer what was found: those that a step of this run opened, and those that there were already for the same findings."""
    incidents: Incidents = ctx.capability("incidents")
    found: dict[str, dict[str, Any]] = {}
    for sweep in _done(steps, SWEEP):
        for one in sweep["output"]["incidents"]:
            run_id = await incidents.opened(one["run_ids"])
            if run_id is not None:
                told = {key: one[key] for key in ("runbook", "entity", "findings")}
                found.setdefault(run_id, {"run_id": run_id, **told})
    for step in steps:
        if step["task"] == OpenIncident.name and step["outcome"] == Outcome.CHANGED.value:
            for change in step["changes"]:
                run_id = change["path"].split("/")[1]
                told = {"runbook": str(change["after"]), "entity": "what was found", "findings": []}
                found.setdefault(run_id, {"run_id": run_id, **told})
    return list(found.values())
