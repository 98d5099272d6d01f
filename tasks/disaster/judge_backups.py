"""`disaster.judge_backups`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenantry.capabilities import Recorded
from tenantry.disaster.backups import BackupToCheck, CheckedBackup, checked
from tenantry.task import Context, Output, ReadTask


class JudgeBackupsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    backups: Annotated[list[BackupToCheck], Field(max_length=100, description="What the plans say of each backup")]
    refused: Annotated[
        list[Annotated[str, Field(max_length=1_000)]],
        Field(max_length=200, description="Plans that cannot be carried out at all, and why"),
    ] = []


class JudgedBackups(Output):
    backups: list[CheckedBackup]
    impossible: list[str]
    """Plans that what they stand on makes impossible."""
    refused: list[str]
    alerts: list[str]
    """What is told at once: impossible, or not known."""
    lines: list[str]


class JudgeBackups(ReadTask[JudgeBackupsParams, JudgedBackups]):
    """Hold what was found of each backup against what the plans promise, from the run's own record. What could not be asked is unknown and never good."""

    name = "disaster.judge_backups"
    needs = ("recorded",)
    Params = JudgeBackupsParams
    Output = JudgedBackups

    async def read(self, ctx: Context, p: JudgeBackupsParams) -> JudgedBackups:
        recorded: Recorded = ctx.capability("recorded")
        rows = checked(p.backups, await recorded.run(ctx.run.run_id), ctx.now)
        impossible = {one.plan for row in rows if row.state == "impossible" for one in row.systems}
        impossible |= {text.partition(":")[0] for text in p.refused}
        refused = [f"the plan cannot be carried out: {text}"[:1_000] for text in p.refused]
        grave = [line(row) for row in rows if row.state in ("impossible", "unknown")]
        if not p.backups and not p.refused:
            nothing = ["no plan of this client names a backup: nothing is known of what a recovery would stand on"]
        else:
            nothing = []
        # A rehearsal's backups are a stand-in's, and a plan restores nothing: neither says anything of the client's.
        real = ctx.run.mode == "run"
        return JudgedBackups(
            backups=rows,
            impossible=sorted(impossible) if real else [],
            refused=refused,
            alerts=[*refused, *grave, *nothing] if real else [],
            lines=[*refused, *map(line, rows), *nothing],
        )


def line(row: CheckedBackup) -> str:
    """One backup, for people."""
    plans = ", ".join(dict.fromkeys(f"{one.plan}/{one.system}" for one in row.systems))
    said = "; ".join(row.problems) or "restored and compared, or tested lately"
    return f"{row.state.upper()} {row.source} (for {plans}): {said}"[:1_000]
