"""What an activation achieved: each system's clocks, held against its RTO and RPO. Pure: the run's record in, rows out.

The clock of a system stops when its health checks hold, never when the last command returns, and never by a person's word: a system whose
health check was left out counts as not shown to be back. Data that nobody measured has no RPO achieved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tenantry.clock import parse_rfc3339

__all__ = ["Achieved", "SystemPlan", "achieved"]

State = Literal["recovered", "unproven", "failed", "waiting"]

_GOOD: Final = frozenset({"observed", "already", "changed"})


class SystemPlan(BaseModel):
    """What the plan promises for a system, and which steps of the run keep it."""

    model_config = ConfigDict(extra="forbid")

    id: str
    title: str
    tier: int = Field(description="Effective tier: as critical as the most critical system that needs it")
    owner: str
    needs: list[str] = Field(default_factory=list)
    rto_seconds: int
    rpo_seconds: int | None = None
    steps: list[str] = Field(description="Steps of its procedure, in order")
    health: str
    data: str | None = None


class Achieved(BaseModel):
    """One system's clocks. Times are None where it did not come so far."""

    model_config = ConfigDict(extra="forbid")

    id: str
    title: str
    tier: int
    owner: str
    needs: list[str]
    state: State
    """``recovered``: its checks held, and its data was looked at where the plan says how. ``unproven``: a person let it go on without."""
    outage_began: datetime
    detected_at: datetime
    """When the assessment saw how it stands."""
    declared_at: datetime | None
    began_at: datetime | None
    healthy_at: datetime | None
    validated_at: datetime | None
    """When its data was found good; the health check where there is none to look at."""
    rto_seconds: int
    achieved_seconds: float | None
    rto_kept: bool | None
    """None: it is not shown to be back. It stands as not kept once the time is over."""
    rpo_seconds: int | None
    lost_seconds: float | None
    """From the newest data that was recovered to the outage; None: not measured."""
    rpo_kept: bool | None
    exceptions: list[str]
    """What failed, was done by hand or was left out."""


def achieved(
    systems: Sequence[SystemPlan],
    run: Mapping[str, Any],
    *,
    outage_began: datetime,
    detected_at: datetime,
    declared_at: datetime | None,
    now: datetime,
) -> list[Achieved]:
    """Every system's clocks, in the order of ``systems``.

    Args:
        run: the run as `Recorded.run` gives it.
        outage_began: what RTO and RPO count from.
        now: until when a system that is not back has been away.
    """
    steps = {step["id"]: step for step in run["steps"] if step["item"] is None}
    return [_one(system, steps, outage_began, detected_at, declared_at, now) for system in systems]


def _one(
    plan: SystemPlan,
    steps: Mapping[str, Mapping[str, Any]],
    outage_began: datetime,
    detected_at: datetime,
    declared_at: datetime | None,
    now: datetime,
) -> Achieved:
    procedure = [steps[name] for name in plan.steps if name in steps]
    health, data = steps.get(plan.health, {}), steps.get(plan.data, {}) if plan.data else None
    healthy_at = _ended(health) if health.get("outcome") in _GOOD else None
    looked = data is None or data.get("outcome") in _GOOD
    taken = (healthy_at - outage_began).total_seconds() if healthy_at is not None else None
    lost = _lost(data, outage_began) if data is not None else None
    mine = [*procedure, health, *([data] if data is not None else [])]
    return Achieved(
        id=plan.id,
        title=plan.title,
        tier=plan.tier,
        owner=plan.owner,
        needs=plan.needs,
        state=_state(mine, healthy_at is not None and looked),
        outage_began=outage_began,
        detected_at=detected_at,
        declared_at=declared_at,
        began_at=min((at for at in map(_begun, procedure) if at is not None), default=None),
        healthy_at=healthy_at,
        validated_at=(_ended(data) if data is not None and looked else healthy_at) if looked else None,
        rto_seconds=plan.rto_seconds,
        achieved_seconds=taken,
        rto_kept=_kept(taken, plan.rto_seconds, (now - outage_began).total_seconds()),
        rpo_seconds=plan.rpo_seconds,
        lost_seconds=lost,
        rpo_kept=lost <= plan.rpo_seconds if lost is not None and plan.rpo_seconds is not None else None,
        exceptions=[said for step in mine for said in _exceptions(step)],
    )


def _state(mine: Sequence[Mapping[str, Any]], proven: bool) -> State:
    if proven:
        return "recovered"
    if any(step.get("outcome") in ("failed", "unknown") for step in mine):
        return "failed"
    return "unproven" if mine and all(step.get("outcome") for step in mine) else "waiting"


def _kept(taken: float | None, target: int, so_far: float) -> bool | None:
    if taken is not None:
        return taken <= target
    return False if so_far > target else None


def _lost(step: Mapping[str, Any], outage_began: datetime) -> float | None:
    """From the newest of the oldest of what was looked at: of several places the one that lost most."""
    found = (
        (step.get("output") or {}).get("found") or ((step.get("error") or {}).get("detail") or {}).get("found") or []
    )
    newest = [parse_rfc3339(one["newest"]) for one in found if one.get("newest")]
    if not newest or len(newest) != len(found):
        return None
    return max(0.0, (outage_began - min(newest)).total_seconds())


def _exceptions(step: Mapping[str, Any]) -> list[str]:
    title = step.get("title") or step.get("id", "")
    decided = step.get("decided")
    if decided:
        what = {"by_hand": "done by hand by", "left_out": "left out by"}[decided["choice"]]
        return [f"{title}: {what} {decided['by']}: {decided['reason']}"]
    if step.get("outcome") in ("failed", "unknown") and step.get("error"):
        return [f"{title}: {step['error']['message']}"]
    if (step.get("attempts") or 0) > 1 and step.get("outcome") in _GOOD:
        return [f"{title}: succeeded at try {step['attempts']}"]
    return []


def _begun(step: Mapping[str, Any]) -> datetime | None:
    return parse_rfc3339(step["started_at"]) if step.get("started_at") else None


def _ended(step: Mapping[str, Any]) -> datetime | None:
    return parse_rfc3339(step["finished_at"]) if step.get("finished_at") else None
