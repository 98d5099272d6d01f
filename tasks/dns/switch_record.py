"""`dns.switch_record`"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import aws
from tenantry.capabilities import RecordSet
from tenantry.errors import Conflict, TargetNotFound
from tenantry.task import Change, Context, Impact, Task


class SwitchRecordParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    zone: Annotated[
        str, Field(min_length=1, max_length=255, description="Id of the zone, or its name where one alone has it")
    ]
    name: Annotated[str, Field(min_length=1, max_length=255, description="Name of the record")]
    type: Annotated[Literal["A", "AAAA", "CNAME"], Field(description="Its type")] = "A"
    values: Annotated[list[str], Field(min_length=1, max_length=100, description="What it points to from now on")]
    ttl: Annotated[int, Field(ge=1, le=86_400, description="Seconds for which others may keep the answer")] = 60


class SwitchRecord(Task[SwitchRecordParams]):
    """Point a DNS record to where a system is now.

    Done when the zone has it; that names resolve to it is a health check's to say (`kind: dns`), after the old TTL. Undo puts back
    what was there, aliases and routing included. NIST SP 800-34 Rev. 1, section 4.3.
    """

    name = "dns.switch_record"
    needs = ("dns",)
    permissions = (
        aws("route53:ListHostedZones", "route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"),
    )
    impact = Impact.REVERSIBLE
    Params = SwitchRecordParams

    async def check(self, ctx: Context, p: SwitchRecordParams) -> list[Change]:
        zone = await zone_of(ctx, p.zone)
        found = await ctx.dns.record(zone, _dotted(p.name), p.type)
        path = f"dns/{zone}/{_dotted(p.name)}/{p.type}"
        wanted = sorted(_values(p))
        now = list(found.values) if found is not None and not found.alias and found.ttl == p.ttl else None
        if ctx.seen(path, now) == wanted:
            return []
        return [Change(path=path, before=found.model_dump(mode="json") if found is not None else None, after=wanted)]

    async def apply(self, ctx: Context, p: SwitchRecordParams, changes: list[Change]) -> None:
        zone = await zone_of(ctx, p.zone)
        for _ in changes:
            await ctx.dns.set_record(zone, _dotted(p.name), p.type, p.ttl, tuple(_values(p)))

    async def undo(self, ctx: Context, p: SwitchRecordParams, changes: list[Change]) -> None:
        zone = await zone_of(ctx, p.zone)
        for change in changes:
            now = await ctx.dns.record(zone, _dotted(p.name), p.type)
            before = RecordSet.model_validate(change.before) if change.before is not None else None
            if now is None and before is None:
                continue
            if now is not None and before is not None and (now.values, now.alias) == (before.values, before.alias):
                continue
            if now is None or list(now.values) != change.after:
                raise Conflict(f"{p.name} points elsewhere by now")
            if before is not None:
                await ctx.dns.put_back(zone, before)
            else:
                await ctx.dns.remove_record(zone, now)

    async def verify_undone(self, ctx: Context, p: SwitchRecordParams, changes: list[Change]) -> bool:
        zone = await zone_of(ctx, p.zone)
        now = await ctx.dns.record(zone, _dotted(p.name), p.type)
        for change in changes:
            before = RecordSet.model_validate(change.before) if change.before is not None else None
            if (now is None) != (before is None):
                return False
            if now is not None and before is not None and (now.values, now.alias) != (before.values, before.alias):
                return False
        return True


async def zone_of(ctx: Context, named: str) -> str:
    """The zone's id. Raises TargetNotFound where none, or more than one, is called so."""
    found = [zone async for zone in ctx.dns.zones()]
    mine = [zone.id for zone in found if named in (zone.id, zone.id.rpartition("/")[2])] or [
        zone.id for zone in found if zone.name == _dotted(named)
    ]
    if len(mine) != 1:
        raise TargetNotFound(f"{len(mine)} zones are called {named}", remedy="Name the zone by its id.")
    return mine[0]


def _dotted(name: str) -> str:
    return name.lower().rstrip(".") + "."


def _values(p: SwitchRecordParams) -> list[str]:
    return [_dotted(value) for value in p.values] if p.type == "CNAME" else p.values
