"""`disaster.assess`"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.disaster._looks import READS, Probes, look
from tenantry.disaster.judge import Verdict
from tenantry.task import Context, Output, ReadTask, utc

_FINDINGS: Final = 8
"""Findings about the plan that whoever declares is told one by one."""


class AssessedSystem(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(description="Its id in the plan")]
    title: Annotated[str, Field(description="What people call it")]
    tier: Annotated[int, Field(description="How critical it is; 0 is what everything stands on")]
    probes: Probes


class AssessParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    systems: Annotated[
        list[AssessedSystem], Field(max_length=200, description="Systems of the plan, with their checks")
    ]
    findings: Annotated[list[str], Field(max_length=1_000, description="What is wrong with the plan itself")] = []
    outage_began: Annotated[
        AwareDatetime | None, Field(description="When it went; the run's beginning when not known")
    ] = None


class Assessed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    state: Literal["down", "up", "unknown"]
    checks: list[Verdict]


class Assessment(Output):
    at: datetime
    outage_began: datetime
    down: list[str]
    up: list[str]
    unknown: list[str]
    """Could not be asked: neither up nor down."""
    systems: list[Assessed]
    findings: list[str]
    lines: list[str]
    """The same for whoever declares."""


class Assess(ReadTask[AssessParams, Assessment]):
    """Ask every system of a plan for its health once, and say what is really down, what works and what nobody can tell.

    NIST SP 800-34 Rev. 1, section 4.2.3 (outage assessment). A check that could not be made says nothing about the system: it is unknown. One check that
    does not hold makes a system down, though it may answer something.
    """

    name = "disaster.assess"
    needs = ("probing",)
    permissions = (READS,)
    timeout = 180.0
    Params = AssessParams
    Output = Assessment

    async def read(self, ctx: Context, p: AssessParams) -> Assessment:
        async def one(system: AssessedSystem) -> Assessed:
            verdicts = await look(ctx, system.probes)
            held = [verdict.holds for verdict in verdicts]
            state: Literal["down", "up", "unknown"] = "down" if False in held else "unknown" if None in held else "up"
            return Assessed(id=system.id, state=state, checks=verdicts)

        systems = list(await asyncio.gather(*map(one, p.systems)))
        titles = {system.id: f"{system.title} (tier {system.tier})" for system in p.systems}
        by_state = {state: [one.id for one in systems if one.state == state] for state in ("down", "up", "unknown")}
        began = utc(p.outage_began) if p.outage_began is not None else ctx.run.started_at
        return Assessment(
            at=ctx.now,
            outage_began=began,
            down=by_state["down"],
            up=by_state["up"],
            unknown=by_state["unknown"],
            systems=systems,
            findings=p.findings,
            lines=[
                f"{len(by_state['down'])} down, {len(by_state['unknown'])} unknown, {len(by_state['up'])} up: "
                f"{', '.join(by_state['up']) or 'none'}",
                *_told(p.findings),
                *(_line(titles[one.id], one) for one in systems if one.state != "up"),
            ],
        )


def _told(findings: list[str]) -> list[str]:
    """Before the systems: a question shows so many lines and no more, and what is wrong with the plan must be among them."""
    more = len(findings) - _FINDINGS
    lines = [f"THE PLAN: {finding}" for finding in findings[:_FINDINGS]]
    return [*lines, f"THE PLAN has {more} findings more: `tenantry dr check`"] if more > 0 else lines


def _line(title: str, one: Assessed) -> str:
    why = next((f"{check.check}: {check.said}" for check in one.checks if not check.holds), "")
    return f"{one.state.upper()} {title}: {why}"
