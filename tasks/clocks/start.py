"""`clocks.start`"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tenantry.clocks import Clock, Determination, find, load_clocks, start
from tenantry.errors import StepError
from tenantry.task import Context, HumanAnswer, Output, ReadTask, utc

CONTRACT = "contract"
INSURER = "insurer"


class StartParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    determination: Annotated[
        HumanAnswer, Field(description="Output of the human.confirm in which a person determined it")
    ]
    about: Annotated[list[Determination], Field(min_length=1, description="What was determined; its clocks start")]


class Clocks(Output):
    determined: bool
    """Whether the person's answer was yes; after a no, no clock runs."""
    by: str
    clocks: list[Clock]
    not_running: list[str]
    """Regimes of the tenant, or notice periods, for which nothing was started, and why."""


class Start(ReadTask[StartParams, Clocks]):
    """Start the notification clocks that follow from what a person determined.

    The laws named in the tenant's file (``regimes``), the agreement's own notice period and the insurer's. Each runs from
    the time of the recorded answer, never by itself; after the answer "no" none does.
    """

    name = "clocks.start"
    Params = StartParams
    Output = Clocks

    async def read(self, ctx: Context, p: StartParams) -> Clocks:
        answer = p.determination
        if answer.answer not in {"yes", "no"}:
            raise StepError(
                "a determination is answered with yes or no",
                remedy="Leave the labels of this human.confirm as they are.",
            )
        regimes = [str(regime) for regime in ctx.subject.get("regimes") or ()]
        if not answer.affirmative:
            return Clocks(
                determined=False, by=answer.by, clocks=[], not_running=[f"{r}: determined no" for r in regimes]
            )
        clocks: list[Clock] = []
        idle: list[str] = []
        # A handful of small files; read beside the event loop all the same.
        files = await asyncio.to_thread(load_clocks)
        laws = [regime for regime in regimes if regime not in {CONTRACT, INSURER}]
        zone = str(ctx.subject.get("time_zone") or "UTC")
        for file in find(laws, files):
            started = start(file, p.about, answer.at, by=answer.by, time_zone=zone)
            clocks.extend(started)
            if not started:
                idle.append(f"{file.regime}: nothing in it starts on {', '.join(p.about)}")
        if "incident" in p.about:
            _notice(ctx, answer, clocks, idle)
        return Clocks(determined=True, by=answer.by, clocks=clocks, not_running=idle)


def _notice(ctx: Context, answer: HumanAnswer, clocks: list[Clock], idle: list[str]) -> None:
    agreement, insurer = _map(ctx.subject.get("agreement")), _map(ctx.subject.get("insurer"))
    for name, hours, who, source in (
        ("contract-notice", agreement.get("notice_period_hours"), "MSP → client", "the agreement with the client"),
        (
            "insurer-notice",
            insurer.get("notice_period_hours"),
            f"client → {insurer.get('name') or 'insurer'}",
            f"policy {insurer.get('policy') or 'without number'} of {insurer.get('name') or 'the insurer'}",
        ),
    ):
        if hours is None:
            idle.append(f"{name}: no notice period in the tenant's file")
            continue
        clocks.append(
            Clock(
                name=name,
                started_at=utc(answer.at),
                due_at=utc(answer.at) + timedelta(hours=int(hours)),
                source=source,
                who=who,
                what="notice of the incident",
                determined_by=answer.by,
            )
        )


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
