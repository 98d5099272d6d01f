"""`host.read_recovery_points`"""

from __future__ import annotations

import itertools
import statistics
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field

from tasks._rows import RowStore
from tasks.host._common import OnHost
from tasks.host._restore import linux
from tenantry.errors import TargetNotFound
from tenantry.task import Context, EvidenceRef, Output, ReadTask, utc


class ReadRecoveryPointsParams(OnHost):
    before: Annotated[
        AwareDatetime | None,
        Field(description="First activity of the intruder; empty: not known, and then none is chosen"),
    ] = None


class HostPoints(Output):
    """What a host can be taken back to."""

    host: str
    before: datetime | None
    total: int
    point: str | None
    """The newest complete one from before; None: there is none, or nothing says before what."""
    point_at: datetime | None
    newer: int
    """Made since, and so made of what the intruder left: never restored."""
    notes: list[str]
    """What a person has to know; among them a gap, as deleted backups leave one."""
    evidence: list[EvidenceRef]


class ReadRecoveryPoints(ReadTask[ReadRecoveryPointsParams, HostPoints]):
    """List a host's recovery points, and choose the newest from before the intruder came.

    A point that was made later holds what the intruder did. Points that are missing where the usual rhythm has one are said: deleting backups
    comes before encrypting (ATT&CK T1490). NIST SP 1800-25, SP 800-184.
    """

    name = "host.read_recovery_points"
    needs = ("host_backup",)
    permissions = (linux("restic"),)
    timeout = 300.0
    Params = ReadRecoveryPointsParams
    Output = HostPoints

    async def read(self, ctx: Context, p: ReadRecoveryPointsParams) -> HostPoints:
        rows = RowStore(ctx, f"{p.host}/recovery-points")
        chosen, newer, times, kept = None, 0, [], True
        try:
            async for point in ctx.host_backup.points(p.host):
                await rows.add(point.raw)
                if point.state != "available":
                    continue
                times.append(utc(point.created_at))
                if p.before is not None and utc(point.created_at) >= utc(p.before):
                    newer += 1
                elif p.before is not None and (chosen is None or point.created_at > chosen.created_at):
                    chosen = point
        except TargetNotFound:  # no failure: most clients back up only some of their hosts in this way
            kept = False
        return HostPoints(
            host=p.host,
            before=p.before,
            total=rows.total,
            point=chosen.id if chosen else None,
            point_at=chosen.created_at if chosen else None,
            newer=newer,
            notes=_notes(p, times, chosen.created_at if chosen else None)
            if kept
            else [f"the tenant's file names no repository to which {p.host} is backed up"],
            evidence=await rows.close(),
        )


def _notes(p: ReadRecoveryPointsParams, times: list[datetime], chosen: datetime | None) -> list[str]:
    if not times:
        return [f"{p.host} has no recovery point: there were none, or they were deleted"]
    if p.before is None:
        return [f"nothing says since when the intruder was on {p.host}, so no recovery point can be chosen"]
    if chosen is None:
        return [f"{p.host} has no recovery point from before {p.before:%Y-%m-%d %H:%M} UTC"]
    earlier = sorted(at for at in times if at < utc(p.before))
    between = [later - one for one, later in itertools.pairwise(earlier)]
    if len(between) < 2:
        return []
    usual = timedelta(seconds=statistics.median(gap.total_seconds() for gap in between))
    notes = [
        f"{p.host} usually has a recovery point every {_hours(usual)}; there is none between {one:%Y-%m-%d %H:%M} and "
        f"{later:%Y-%m-%d %H:%M} UTC, as if some had been deleted"
        for one, later in itertools.pairwise([*earlier, utc(p.before)])
        if later - one > 1.8 * usual
    ]
    return notes[:20]


def _hours(length: timedelta) -> str:
    return f"{length.total_seconds() / 3600:.0f} hours"
