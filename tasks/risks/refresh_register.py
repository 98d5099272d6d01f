"""`risks.refresh_register`"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tenantry.capabilities import Recorded, Risks
from tenantry.errors import CannotCheck, Conflict
from tenantry.risk.model import CLOSED, LEVELS, OPENED, UPDATED, WITHDRAWN, Level, Risk, level_of, review_date, risk_id
from tenantry.risk.register import Act
from tenantry.sweep.model import rank
from tenantry.task import Change, Context, Impact, Outcome, Task

SWEEP: Final = "incident.sweep_tenant"
ASSESSED: Final = "compliance.assess"
_MOST: Final = 20
"""Names that a risk tells of whom it concerns."""
_WEIGHS: Final[Mapping[str, Level]] = {
    "info": "very_low",
    "low": "low",
    "medium": "moderate",
    "high": "high",
    "critical": "very_high",
}
"""A finding's severity → likelihood and impact of the risk that it stands for, until a person says better."""
_ACTS: Final = {"opened": OPENED, "open": UPDATED, "closed": CLOSED}
_FOUND: Final = ("title", "detail", "remedy", "source")
"""What the source says, and a person does not change."""
_OWNERS: Final = ("technical_lead", "incident_commander", "client_liaison")


class RefreshParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    least: Annotated[
        Literal["info", "low", "medium", "high", "critical"],
        Field(description="Least severity of a finding that is a risk of its own"),
    ] = "medium"


class RefreshRegister(Task[RefreshParams]):
    """Bring the client's risk register in line with what this run has seen: a risk for each kind of finding of its sweep and for each policy
    that failed, once each; a policy's risk is closed where the policy was seen to be met.

    A risk that is there is brought up to date and never doubled; one that was closed opens again, because what it came from is there again.
    What a person has said about likelihood, impact, treatment and owner stays. What was accepted in the sweep is no risk here; a policy that
    fails with an exception is one still, and says so. What was not seen this time closes nothing.
    """

    name = "risks.refresh_register"
    needs = ("risks", "recorded")
    impact = Impact.REVERSIBLE
    timeout = 30.0
    Params = RefreshParams

    async def check(self, ctx: Context, p: RefreshParams) -> list[Change]:
        wanted, met = await _wanted(ctx, p)
        risks: Risks = ctx.capability("risks")
        held = (await risks.read(ctx.run.run_id)).risks
        changes = [_change(one, held.get(one.id)) for one in wanted]
        changes += [
            _closed(held[name], why) for name, why in met.items() if name in held and held[name].status == "open"
        ]
        return [one for one in changes if one is not None and ctx.seen(one.path, None) is None]

    async def apply(self, ctx: Context, p: RefreshParams, changes: list[Change]) -> None:
        del p
        risks: Risks = ctx.capability("risks")
        seen = (await risks.read(ctx.run.run_id)).entries
        acts = [Act(_ACTS[one.after["status"]], _risk_of(one), one.after["set"], "found") for one in changes]
        await risks.append(ctx.run.run_id, acts, seen)

    async def undo(self, ctx: Context, p: RefreshParams, changes: list[Change]) -> None:
        del p
        risks: Risks = ctx.capability("risks")
        register = await risks.read(ctx.run.run_id)
        acts = []
        for one in changes:
            risk = register.risks[_risk_of(one)]
            act = _back(one, risk)
            if act is None:
                continue
            written = "closed" if one.after["status"] == "closed" else "open"
            if risk.status != written or _fields(risk, one.after["set"]) != one.after["set"]:
                raise Conflict(
                    f"the risk {risk.id} was changed since this run wrote it",
                    remedy="Look at it with `tenantry risks show`, and close it by hand if it is none.",
                )
            acts.append(act)
        await risks.append(ctx.run.run_id, acts, register.entries)


# --- what the run found ---------------------------------------------------------------------------------------------


async def _wanted(ctx: Context, p: RefreshParams) -> tuple[list[Risk], dict[str, str]]:
    """Risks as their sources have them now, and those of policies that were seen to be met, with why.

    Raises:
        CannotCheck: no step of this run has looked at anything that a risk could come from.
    """
    recorded: Recorded = ctx.capability("recorded")
    steps = (await recorded.run(ctx.run.run_id))["steps"]
    looked: dict[str, Mapping[str, Any]] = {}
    for task in (SWEEP, ASSESSED):
        done = [one for one in steps if one["task"] == task and one["outcome"] == Outcome.OBSERVED.value]
        for step in done[-1:]:
            text = await recorded.evidence(ctx.run.run_id, step["output"]["evidence"]["sha256"])
            looked[task] = json.loads(text)
    if not looked:
        raise CannotCheck("no step of this run has looked at anything that a risk could come from")
    rules: dict[str, list[Mapping[str, Any]]] = {}
    for one in looked.get(SWEEP, {}).get("findings", ()):
        if rank(one["severity"]) >= rank(p.least):
            rules.setdefault(one["rule"], []).append(one)
    found: list[Risk] = []
    met: dict[str, str] = {}
    for baseline in looked.get(ASSESSED, {}).get("baselines", ()):
        for one in baseline["policies"]:
            ref = f"{baseline['id']}/{one['policy']}"
            if one["status"] in ("fail", "excepted"):
                found.append(_of_policy(ctx, ref, one, rules))
            elif one["status"] == "pass":
                met[risk_id("finding", ref)] = f"{ref} was met on {ctx.now.date().isoformat()}: {one['why']}"
    return [*found, *_of_findings(ctx, rules)], met


def _of_findings(ctx: Context, rules: Mapping[str, list[Mapping[str, Any]]]) -> Iterable[Risk]:
    """One for each rule: whom it concerns stands in it."""
    for rule, mine in rules.items():
        worst = max(mine, key=lambda one: rank(one["severity"]))
        weighs = _WEIGHS[worst["severity"]]
        names = list(dict.fromkeys(one["entity"]["id"] for one in mine))
        yield _risk(
            ctx,
            rule,
            title=worst["title"],
            detail=str(worst["evidence"].get("summary", "")),
            remedy=worst["remedy"],
            likelihood=weighs,
            impact=weighs,
            names=names,
            count=len(names),
        )


def _of_policy(ctx: Context, ref: str, policy: Mapping[str, Any], rules: dict[str, list[Mapping[str, Any]]]) -> Risk:
    """The risk of a measure that failed. What the sweep found by the same checks is this risk and no other one, and weighs as much at least."""
    likelihood, impact = policy["risk"]["likelihood"], policy["risk"]["impact"]
    for answer in policy["answers"]:
        for one in rules.pop(answer["by"], ()) if answer["status"] == "fail" else ():
            weighs = _WEIGHS[one["severity"]]
            if LEVELS.index(level_of(weighs, weighs)) > LEVELS.index(level_of(likelihood, impact)):
                likelihood = impact = weighs
    detail = f"{policy['title']}: {policy['why']}"
    exception = policy.get("exception")
    if policy["status"] == "excepted" and exception is not None:
        detail += f" Excepted until {exception['until']}, approved by {exception['approved_by']}: {exception['reason']}; instead: {exception['control']}"
    return _risk(
        ctx,
        ref,
        title=policy["risk"]["title"],
        detail=detail,
        remedy=policy["remedy"],
        likelihood=likelihood,
        impact=impact,
        names=policy["about"],
        count=policy["about_total"],
    )


def _risk(
    ctx: Context,
    ref: str,
    *,
    title: str,
    detail: str,
    remedy: str,
    likelihood: Level,
    impact: Level,
    names: list[str],
    count: int,
) -> Risk:
    source = {"kind": "finding", "ref": ref, "about": [one[:200] for one in names[:_MOST]], "count": count}
    return Risk.model_validate(
        {
            **{"id": risk_id("finding", ref), "title": title[:300], "detail": detail[:2_000], "remedy": remedy[:2_000]},
            **{"likelihood": likelihood, "impact": impact, "owner": _owner(ctx), "source": source},
            "review_on": review_date(level_of(likelihood, impact), ctx.now.date()),
        }
    )


def _owner(ctx: Context) -> str | None:
    """Who leads the technical work for this client, by its file."""
    team = ctx.subject.get("response_team") or ()
    for role in _OWNERS:
        for member in team:
            if member["role"] == role:
                return f"person:{member['person']}" if member["person"] else f"contact:{member['contact']}"
    return None


# --- against the register -------------------------------------------------------------------------------------------


def _change(wanted: Risk, held: Risk | None) -> Change | None:
    """What has to be written so that the register says what was found; None: it does."""
    path = f"risk/{wanted.id}/state"
    if held is None or held.status == "withdrawn":
        opened = _fields(wanted, ("likelihood", "impact", "owner", "review_on", *_FOUND))
        given = {**opened, "treatment": None, "reason": "", "assessed": False}
        return Change(path=path, before=None, after={"status": "opened", "set": given})
    given = {key: value for key, value in _fields(wanted, _FOUND).items() if _fields(held, (key,))[key] != value}
    heavier = LEVELS.index(wanted.level) > LEVELS.index(held.level)
    if heavier and not held.assessed:
        given |= _fields(wanted, ("likelihood", "impact", "review_on"))
    if held.status == "closed":
        given |= {"treatment": None, "reason": "", "review_on": wanted.review_on.isoformat()}
    elif not given:
        return None
    before = {"status": held.status, "set": _fields(held, given)}
    return Change(
        path=path, before=before, after={"status": "opened" if held.status == "closed" else "open", "set": given}
    )


def _closed(held: Risk, why: str) -> Change:
    before = {"status": "open", "set": {"reason": held.reason}}
    return Change(
        path=f"risk/{held.id}/state", before=before, after={"status": "closed", "set": {"reason": why[:2_000]}}
    )


def _back(change: Change, risk: Risk) -> Act | None:
    """What puts a risk back to how it was; None: it is so."""
    if change.before is None:
        return None if risk.status == "withdrawn" else Act(WITHDRAWN, risk.id, {}, "undone")
    before = change.before
    if risk.status == before["status"] and _fields(risk, before["set"]) == before["set"]:
        return None
    back = {"closed": CLOSED, "open": OPENED if risk.status == "closed" else UPDATED}
    return Act(back[before["status"]], risk.id, before["set"], "undone")


def _fields(risk: Risk, keys: Iterable[str]) -> dict[str, Any]:
    shown = risk.model_dump(mode="json")
    return {key: shown[key] for key in keys}


def _risk_of(change: Change) -> str:
    return change.path.split("/")[1]
