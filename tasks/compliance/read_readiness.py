"""`compliance.read_readiness`"""

from __future__ import annotations

import json
from typing import Final

from tasks.compliance.assess import Assess
from tenantry.capabilities import Recorded
from tenantry.clock import rfc3339
from tenantry.errors import CannotCheck
from tenantry.insurance.readiness import digest_of, lines, readiness
from tenantry.task import Context, EvidenceRef, NoParams, Outcome, Output, ReadTask

EVIDENCE: Final = "insurance-readiness.json"


class Readiness(Output):
    """How the client stands against what its insurer requires."""

    ready: bool
    """Every required control is met or does not apply, and the policy is in force."""
    counts: dict[str, int]
    """How many controls stand how: ``not_met``, ``not_known``, ``met``, ``not_applicable``."""
    lines: list[str]
    """What somebody reads before they sign it."""
    digest: str
    """SHA-256 of the whole, which is what they sign."""
    evidence: EvidenceRef


class ReadReadiness(ReadTask[NoParams, Readiness]):
    """Hold what this run has measured against the controls that the client's insurance requires, by the client's file.

    A control that nothing measures, or of which a part is not known, is not known; an exception that the client and we have agreed to makes none met.
    """

    name = "compliance.read_readiness"
    needs = ("recorded",)
    timeout = 60.0
    Params = NoParams
    Output = Readiness

    async def read(self, ctx: Context, p: NoParams) -> Readiness:
        del p
        insurer = ctx.subject.get("insurer")
        if not insurer:
            raise CannotCheck(
                "the client's file names no insurer", remedy="Write insurer, its policy and required_controls there."
            )
        recorded: Recorded = ctx.capability("recorded")
        steps = (await recorded.run(ctx.run.run_id))["steps"]
        done = [one for one in steps if one["task"] == Assess.name and one["outcome"] == Outcome.OBSERVED.value]
        if not done:
            raise CannotCheck("no step of this run has held the client against a baseline")
        measured = json.loads(await recorded.evidence(ctx.run.run_id, done[-1]["output"]["evidence"]["sha256"]))
        document = readiness(
            insurer,
            measured["baselines"],
            at=rfc3339(ctx.now),
            run_id=ctx.run.run_id,
            mode=ctx.run.mode,
            client=str(ctx.subject.get("display_name") or ctx.run.tenant),
        )
        kept = json.dumps(document, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
        return Readiness(
            ready=document["ready"],
            counts=document["counts"],
            lines=lines(document),
            digest=digest_of(document),
            evidence=await ctx.evidence.store_bytes(EVIDENCE, kept),
        )
