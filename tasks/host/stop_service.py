"""`host.stop_service`"""

from __future__ import annotations

from tasks.host._service import services
from tasks.host.start_service import StartServiceParams
from tenantry.task import Change, Context, Impact, Permission, Task


class StopService(Task[StartServiceParams]):
    """Stop one unit of systemd, and have no boot start it: to drain where a system runs now.

    systemctl(1), "disable --now". Undo starts and enables it.
    """

    name = "host.stop_service"
    needs = ("host_service",)
    permissions = (Permission(vendor="linux", names=("systemctl",)),)
    impact = Impact.DISRUPTIVE
    patience = 120.0
    Params = StartServiceParams

    async def check(self, ctx: Context, p: StartServiceParams) -> list[Change]:
        path = f"host/{p.host}/service/{p.unit}"
        active = ctx.seen(path, await services(ctx).service_active(p.host, p.unit))
        return [Change(path=path, before=True, after=False)] if active else []

    async def apply(self, ctx: Context, p: StartServiceParams, changes: list[Change]) -> None:
        for _ in changes:
            await services(ctx).stop_service(p.host, p.unit)

    async def undo(self, ctx: Context, p: StartServiceParams, changes: list[Change]) -> None:
        for _ in changes:
            await services(ctx).start_service(p.host, p.unit)
