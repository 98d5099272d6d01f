"""`host.start_service`"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.host._common import OnHost
from tasks.host._service import services
from tenantry.task import Change, Context, Impact, Permission, Task


class StartServiceParams(OnHost):
    unit: Annotated[
        str, Field(min_length=1, max_length=255, description="Name of the unit, with its kind: nginx.service")
    ]


class StartService(Task[StartServiceParams]):
    """Start one unit of systemd and have every boot start it.

    That it runs is not that it answers: a health check says that. systemctl(1), "enable --now".
    """

    name = "host.start_service"
    needs = ("host_service",)
    permissions = (Permission(vendor="linux", names=("systemctl",)),)
    impact = Impact.REVERSIBLE
    patience = 120.0
    Params = StartServiceParams

    async def check(self, ctx: Context, p: StartServiceParams) -> list[Change]:
        path = f"host/{p.host}/service/{p.unit}"
        active = ctx.seen(path, await services(ctx).service_active(p.host, p.unit))
        return [] if active else [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: StartServiceParams, changes: list[Change]) -> None:
        for _ in changes:
            await services(ctx).start_service(p.host, p.unit)

    async def undo(self, ctx: Context, p: StartServiceParams, changes: list[Change]) -> None:
        for _ in changes:
            await services(ctx).stop_service(p.host, p.unit)
