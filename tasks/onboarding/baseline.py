"""`onboarding.baseline`"""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tasks._permissions import merged
from tenantry.baseline.discover import measures
from tenantry.baseline.judge import answers, judge
from tenantry.baseline.measure import STATUSES, BaseMeasure
from tenantry.baseline.model import Baseline, load_baseline
from tenantry.capabilities import Looking
from tenantry.clock import rfc3339
from tenantry.sweep.check import BaseCheck
from tenantry.sweep.discover import checks
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask

EVIDENCE: Final = "baseline.json"
STANDARD: Final = "msp_onboarding"
_MOST: Final = 20


class Answered(BaseModel):
    """How one policy ended; all of it is in the evidence."""

    model_config = ConfigDict(extra="forbid")
    policy: str
    title: str
    criticality: str
    status: str
    why: str
    about: list[str]
    """Whom it concerns, the first twenty."""
    about_total: int
    ask: str
    """What a person is asked where no system can tell."""
    remedy: str


class Baselined(Output):
    """How the client stands against the baseline."""

    baseline: str
    version: int
    at: str
    statuses: dict[str, int]
    """How many policies ended how."""
    policies: list[Answered]
    evidence: EvidenceRef


class BaselineParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    baseline: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,62}$", description="Name of a file of runbooks/baselines")
    ] = STANDARD
    days: Annotated[int, Field(ge=1, le=180, description="What came to be since then counts as new")] = 30


class _OfBaseline:
    """As a task's ``permissions``: looked up when somebody asks, because a hundred modules are not imported to list the tasks."""

    def __get__(self, task: object, kind: type | None = None) -> tuple[Permission, ...]:
        measured, checked = answers(*_parts(STANDARD))
        named = [one for measure in measured.values() for one in measure.all_permissions()]
        return merged((*named, *(one for check in checked for one in check.collect.permissions)))


class CheckBaseline(ReadTask[BaselineParams, Baselined]):
    """Say of each measure of a baseline whether it stands: pass, fail, not applicable, for a person, or unknown.

    Nothing is a pass because nobody looked: what could not be read is unknown, and what no connected system can tell is asked of a person.
    Questions that the compromise sweep's checks answer are answered by them.
    """

    name = "onboarding.baseline"
    needs = ("looking",)
    permissions = _OfBaseline()
    timeout = 3600.0
    Params = BaselineParams
    Output = Baselined

    async def read(self, ctx: Context, p: BaselineParams) -> Baselined:
        baseline, measured, checked = _parts(p.baseline)
        looking: Looking = ctx.capability("looking")
        look = await looking.look(ctx.now, p.days)
        results = (await judge(looking, [baseline], measured, checked, look))[baseline.id]
        document = {
            **{"tenant": ctx.run.tenant, "run_id": ctx.run.run_id, "at": rfc3339(ctx.now)},
            **{"baseline": baseline.id, "version": baseline.version, "title": baseline.title, "policies": results},
        }
        evidence = await ctx.evidence.store_bytes(EVIDENCE, json.dumps(document, sort_keys=True).encode())
        counts = Counter(one["status"] for one in results)
        return Baselined(
            baseline=baseline.id,
            version=baseline.version,
            at=rfc3339(ctx.now),
            statuses={status: counts[status] for status in STATUSES},
            policies=[
                Answered(
                    **{key: one[key] for key in ("policy", "title", "criticality", "status", "why", "about_total", "ask", "remedy")},
                    about=one["about"][:_MOST],
                )
                for one in results
            ],
            evidence=evidence,
        )  # fmt: skip


def _parts(name: str) -> tuple[Baseline, dict[str, type[BaseMeasure]], dict[str, BaseCheck]]:
    return load_baseline(name), measures(), {check.name: check for check in checks()}
