"""`host.apply_updates`"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.host._common import OnHost
from tenantry.capabilities import Update
from tenantry.task import Change, Context, Impact, Permission, Task


class ApplyUpdatesParams(OnHost):
    security_only: Annotated[bool, Field(description="Only what the distribution's security archive offers")] = True


class ApplyUpdates(Task[ApplyUpdatesParams]):
    """Install the pending updates of one host, and see that none is left.

    Exactly the versions that were seen, nothing new and nothing removed; configuration that somebody changed stays. The
    host installs by itself, and is watched for half an hour. What "pending" means is as old as the host's package lists
    (``package_lists_at`` of `host.collect_persistence`). ATT&CK mitigation M1051; NIST SP 800-40r4.
    """

    name = "host.apply_updates"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("setsid", "systemd-run")),)
    impact = Impact.DISRUPTIVE
    no_undo = "A package that was updated is not taken back to a version with a known hole."
    timeout = 12.0
    patience = 1800.0
    Params = ApplyUpdatesParams

    async def check(self, ctx: Context, p: ApplyUpdatesParams) -> list[Change]:
        return [
            change
            for update in await pending(ctx, p)
            if ctx.seen((change := _change(p, update)).path, update.present) != update.offered
        ]

    async def apply(self, ctx: Context, p: ApplyUpdatesParams, changes: list[Change]) -> None:
        wanted = {change.path: change.after for change in changes}
        await ctx.host.install_updates(
            p.host, [one for one in await pending(ctx, p) if wanted.get(_change(p, one).path) == one.offered]
        )

    async def verify(self, ctx: Context, p: ApplyUpdatesParams, changes: list[Change]) -> list[Change]:
        wanted = {change.path for change in changes}
        return [change for change in await self.check(ctx, p) if change.path in wanted]


async def pending(ctx: Context, p: ApplyUpdatesParams) -> list[Update]:
    return [one for one in await ctx.host.updates(p.host) if one.security or not p.security_only]


def _change(p: ApplyUpdatesParams, update: Update) -> Change:
    return Change(path=f"package/{p.host}:{update.id}/version", before=update.present, after=update.offered)
