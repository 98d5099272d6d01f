"""`compliance.assess`"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks._permissions import merged
from tenantry.baseline.discover import measures
from tenantry.baseline.judge import answers, judge
from tenantry.baseline.measure import STATUSES
from tenantry.baseline.model import Baseline, load_baseline, shipped
from tenantry.baseline.remembered import assessed
from tenantry.capabilities import Compliance, Looking
from tenantry.clock import rfc3339
from tenantry.errors import CannotCheck, Unreachable
from tenantry.names import Slug
from tenantry.sweep.discover import checks
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask

EVIDENCE: Final = "compliance.json"
_MOST: Final = 50
_TRY: Final = "`tenantry tenants check` says of each what is wrong; then resume the run."


class Standing(BaseModel):
    """How the client stands against one baseline; all of it is in the evidence."""

    model_config = ConfigDict(extra="forbid")
    baseline: str
    version: int
    title: str
    statuses: dict[str, int]
    """How many policies ended how."""
    fell: list[str]
    """Policies that stood, and fail now."""
    mended: list[str]


class Fallen(BaseModel):
    """A policy of high criticality that fails and did not before."""

    model_config = ConfigDict(extra="forbid")
    baseline: str
    policy: str
    title: str
    why: str
    about: list[str]
    remedy: str


class Assessed(Output):
    """What a compliance sweep came to."""

    at: str
    baselines: list[Standing]
    alerts: list[Fallen]
    alerts_omitted: int
    evidence: EvidenceRef


class AssessParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    baselines: Annotated[
        list[Slug], Field(min_length=1, max_length=20, description="Names of files of runbooks/baselines")
    ]
    days: Annotated[int, Field(ge=1, le=180, description="What came to be since then counts as new")] = 30
    if_nothing_could_be_told: Annotated[
        Literal["fail", "report"], Field(description="Whether the step fails, or a report says of each policy why")
    ] = "fail"


class _OfBaselines:
    """As a task's ``permissions``: looked up when somebody asks, because a hundred modules are not imported to list the tasks."""

    def __get__(self, task: object, kind: type | None = None) -> tuple[Permission, ...]:
        return _permissions(shipped())


def _permissions(baselines: Iterable[str]) -> tuple[Permission, ...]:
    every = {check.name: check for check in checks()}
    named: list[Permission] = []
    for baseline in map(load_baseline, baselines):
        measured, checked = answers(baseline, measures(), every)
        named += [one for measure in measured.values() for one in measure.all_permissions()]
        named += [one for check in checked for one in check.collect.permissions]
    return merged(tuple(named))


class Assess(ReadTask[AssessParams, Assessed]):
    """Hold the client against baselines: each policy passes, fails, does not apply, is for a person, or is unknown; compared with the
    sweep before, and with the exceptions and answers that people have given.

    Nothing is a pass because nobody looked: what could not be read is unknown, and what no connected system can tell is asked of a person.
    Questions that the compromise sweep's checks answer are answered by them. A client of whom not one policy could be told is no compliant
    client: the step fails, with what it found out as evidence all the same, unless a report follows that tells each of them.
    """

    name = "compliance.assess"
    needs = ("looking", "compliance")
    permissions = _OfBaselines()
    timeout = 6 * 3600.0
    Params = AssessParams
    Output = Assessed

    @classmethod
    def permissions_for(cls, given: Mapping[str, Any]) -> tuple[Permission, ...]:
        """Those of the baselines that the runbook names; of all that are shipped where whoever begins the run names them."""
        named = given.get("baselines")
        return _permissions(named) if isinstance(named, list) else cls.permissions

    async def read(self, ctx: Context, p: AssessParams) -> Assessed:
        baselines = [load_baseline(name) for name in dict.fromkeys(p.baselines)]
        looking: Looking = ctx.capability("looking")
        compliance: Compliance = ctx.capability("compliance")
        now = ctx.now
        found = await judge(
            looking,
            baselines,
            measures(),
            {check.name: check for check in checks()},
            await looking.look(now, p.days),
        )
        people = await compliance.said()
        earlier = await compliance.earlier(ctx.run.run_id, [one.id for one in baselines])
        stands = [(one, assessed(one.id, found[one.id], people, earlier.get(one.id), now)) for one in baselines]
        document = {
            **{"tenant": ctx.run.tenant, "run_id": ctx.run.run_id, "at": rfc3339(now)},
            "baselines": [
                {"id": one.id, "version": one.version, "title": one.title, "policies": policies}
                for one, policies in stands
            ],
        }
        evidence = await ctx.evidence.store_bytes(EVIDENCE, json.dumps(document, sort_keys=True).encode())
        told = {one["status"] for _, policies in stands for one in policies}
        if not told & {"pass", "fail", "excepted"} and p.if_nothing_could_be_told == "fail":
            raise await _nothing_told(looking, sum(len(policies) for _, policies in stands))
        alerts = [alert for one, policies in stands for alert in _alerts(one, policies)]
        return Assessed(
            at=rfc3339(now),
            baselines=[_standing(one, policies) for one, policies in stands],
            alerts=alerts[:_MOST],
            alerts_omitted=max(0, len(alerts) - _MOST),
            evidence=evidence,
        )


async def _nothing_told(looking: Looking, policies: int) -> Unreachable | CannotCheck:
    """Why: whoever looks after many clients is told apart those who cannot be reached at all."""
    told = [one for one in await looking.systems() if one.works is not None]
    if told and not any(one.works for one in told):
        whys = "; ".join(f"{one.key}: {one.why}" for one in told)
        return Unreachable(f"none of the client's systems lets us in ({whys[:500]})", remedy=_TRY)
    return CannotCheck(f"of {policies} policies not one could be told")


def _standing(baseline: Baseline, policies: Sequence[Mapping[str, Any]]) -> Standing:
    counts = Counter(one["status"] for one in policies)
    return Standing(
        baseline=baseline.id,
        version=baseline.version,
        title=baseline.title,
        statuses={status: counts[status] for status in ("fail", "excepted", *STATUSES[1:])},
        fell=[one["policy"] for one in policies if one["change"] == "fell"],
        mended=[one["policy"] for one in policies if one["change"] == "mended"],
    )


def _alerts(baseline: Baseline, policies: Sequence[Mapping[str, Any]]) -> list[Fallen]:
    return [
        Fallen(
            baseline=baseline.id,
            policy=one["policy"],
            title=one["title"],
            why=one["why"],
            about=one["about"][:5],
            remedy=one["remedy"],
        )
        for one in policies
        if one["status"] == "fail" and one["criticality"] == "high" and one["change"] == "fell"
    ]
