"""`host.disable_unit`"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.host._common import OnHost
from tenantry.capabilities import HostUnit
from tenantry.capabilities.host import UNIT_ASIDE
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Permission, Task

_OURS = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket")


class DisableUnitParams(OnHost):
    unit: Annotated[str, Field(min_length=1, max_length=255, description="Name of the one unit, with its kind")]


class DisableUnit(Task[DisableUnitParams]):
    """Stop one unit of systemd, disable it and mask it, and keep its file aside.

    Answers ATT&CK T1543.002 (systemd service) and T1053.006 (systemd timers). A unit that is gone counts as disabled; one whose
    file lies aside without a mask does not. Undo gives back the file, and enables and starts it where it was. systemctl(1), "mask".
    """

    name = "host.disable_unit"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("find", "mv", "systemctl")),)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = DisableUnitParams

    async def check(self, ctx: Context, p: DisableUnitParams) -> list[Change]:
        unit = await find(ctx, p)
        path = f"unit/{p.host}:{p.unit}/enabled"
        if unit is None:
            return []
        runs = unit.active in ("active", "activating", "reloading")
        if ctx.seen(path, "masked and running" if unit.enabled == "masked" and runs else unit.enabled) == "masked":
            return []
        return [Change(path=path, before=unit.model_dump(mode="json"), after="masked")]

    async def apply(self, ctx: Context, p: DisableUnitParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.host.set_unit_enabled(p.host, HostUnit.model_validate(change.before), False)

    async def undo(self, ctx: Context, p: DisableUnitParams, changes: list[Change]) -> None:
        for change in changes:
            before = HostUnit.model_validate(change.before)
            unit = await find(ctx, p)
            if unit is not None and unit.enabled == before.enabled and unit.sha256 == before.sha256:
                continue
            if unit is not None and unit.enabled not in ("masked", UNIT_ASIDE):
                raise Conflict(f"the unit {p.unit} on {p.host} was changed since")
            await ctx.host.set_unit_enabled(p.host, before, True)

    async def guard(self, ctx: Context, p: DisableUnitParams) -> list[str]:  # noqa: ARG002  # the name says it
        return [f"{p.unit} lets us in to {p.host}: the way in"] if p.unit in _OURS else []


async def find(ctx: Context, p: DisableUnitParams) -> HostUnit | None:
    return next((unit for unit in await ctx.host.units(p.host) if unit.id == p.unit), None)
