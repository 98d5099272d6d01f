"""`cloud.combine_traces`"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import KeyRef, PrincipalRef
from tasks.cloud.trace_key import KeyTrace, Made, MadeDevice, MadePolicy, MadeTrust, Undecided
from tenantry.task import Context, Output, ReadTask
from tenantry.timeline.attacker import AttackerEvent

MAX_EVENTS = 300
T = TypeVar("T", bound=BaseModel)


class CombineTracesParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    traces: Annotated[list[KeyTrace], Field(max_length=50, description="Outputs of cloud.trace_key")]
    keys: Annotated[list[KeyRef], Field(max_length=50, description="Keys that were named; without a trace too")] = []
    principals: Annotated[
        list[PrincipalRef], Field(max_length=50, description="Users and roles that were named: to be denied everything")
    ] = []


class Combined(Output):
    """What several keys led to, each thing once."""

    keys: list[str]
    """Named, or made by the attacker."""
    untraced: list[str]
    """Named, and what was done with them could not be read."""
    principals: list[str]
    """Named, or made by the attacker."""
    sessions: list[str]
    logins: list[Made]
    devices: list[MadeDevice]
    policies: list[MadePolicy]
    trusts: list[MadeTrust]
    instances: list[str]
    trails: list[str]
    attacker_ips: list[str]
    first: datetime | None
    for_person: list[Undecided]
    limits: list[str]
    attacker_events: list[AttackerEvent] = Field(default_factory=list)


class CombineTraces(ReadTask[CombineTracesParams, Combined]):
    """Put what was traced from several keys together, so that each thing is acted upon once. Pure: reads nothing."""

    name = "cloud.combine_traces"
    Params = CombineTracesParams
    Output = Combined

    async def read(self, ctx: Context, p: CombineTracesParams) -> Combined:  # noqa: ARG002  # nothing is read
        traces = p.traces
        traced = {trace.key for trace in traces}
        untraced = [key for key in p.keys if key not in traced]
        limits = list(dict.fromkeys(limit for trace in traces for limit in trace.limits))
        limits += [f"What was done with the key {key} could not be read." for key in untraced]
        firsts = [trace.first for trace in traces if trace.first is not None]
        events = [event for trace in traces for event in trace.attacker_events]
        principals = _once([*p.principals, *(one.ref for trace in traces for one in trace.principals)])
        return Combined(
            keys=_once([*p.keys, *(one.ref for trace in traces for one in trace.keys)]),
            untraced=untraced,
            principals=principals,
            sessions=_once([*(name for trace in traces for name in trace.sessions), *p.principals]),
            logins=_each(one for trace in traces for one in trace.logins),
            devices=_each(one for trace in traces for one in trace.devices),
            policies=_each(one for trace in traces for one in trace.policies),
            trusts=_each(one for trace in traces for one in trace.trusts),
            instances=_once(one.ref for trace in traces for one in trace.instances),
            trails=_once(one.ref for trace in traces for one in trace.trails),
            attacker_ips=sorted({ip for trace in traces for ip in trace.attacker_ips}),
            first=min(firsts, default=None),
            for_person=_each(one for trace in traces for one in trace.for_person)[:200],
            limits=limits,
            attacker_events=sorted(events, key=lambda event: (event.at, event.source_id))[:MAX_EVENTS],
        )


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _each(things: Iterable[T]) -> list[T]:
    """Each thing once; two traces that met the same one may give other evidence for it, and the first counts."""
    found: dict[str, T] = {}
    for thing in things:
        found.setdefault(thing.model_dump_json(exclude={"reason", "evidence_ids"}), thing)
    return list(found.values())
