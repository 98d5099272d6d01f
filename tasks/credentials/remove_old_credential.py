"""`credentials.remove_old_credential`"""

from __future__ import annotations

import asyncio
from typing import Final

from tasks.credentials._params import PERMISSIONS, ProviderParams
from tenantry.errors import CannotCheck, Conflict, NotVerified
from tenantry.task import Change, Context, Impact, Task

_PAUSES: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between looks whether one that was shut out is refused."""


class RemoveOldCredential(Task[ProviderParams]):
    """Kill our superseded credentials at the service, and prove them dead by trying to sign in.

    Where the service can shut one out without removing it, that comes first, and it is removed once it is refused. Only what the vault knows as ours, and leftovers of rotations; what else signs in with this application is not touched. Nothing
    is removed unless the credential that stands in the vault now signs in.
    """

    name = "credentials.remove_old_credential"
    needs = ("credentials",)
    permissions = PERMISSIONS
    impact = Impact.DISRUPTIVE
    no_undo = "A credential that was removed is not given back; a new one is made."
    timeout = 180.0
    patience = 300.0
    Params = ProviderParams

    async def check(self, ctx: Context, p: ProviderParams) -> list[Change]:
        at = await ctx.credentials.state(p.provider)
        if f"credential/{p.provider}/version" in ctx.planned and at.current is not None and not at.in_place:
            return _unplanned(ctx, [_removal(p, at.current)])
        if at.candidate is not None and at.candidate != at.current:
            raise Conflict(f"the new credential of {p.provider} is not in use yet")
        found = [_removal(p, one) for one in at.superseded]
        if (
            not found
            and at.previous_version is not None
            and f"credential/{p.provider}/version" not in ctx.planned
            and not await ctx.credentials.version_dead(p.provider, at.previous_version)
        ):
            raise CannotCheck(
                f"the old credential of {p.provider} still signs in, and the service does not say which one it is",
                remedy="Remove it by hand, or wait until the service has forgotten it, then resume the run.",
            )
        return _unplanned(ctx, found)

    async def apply(self, ctx: Context, p: ProviderParams, changes: list[Change]) -> None:
        at = await ctx.credentials.state(p.provider)
        if not await ctx.credentials.version_works(p.provider, at.version):
            raise Conflict(f"the credential of {p.provider} in the vault does not sign in: the old one stays")
        ids = [change.path.rsplit("/", 1)[1] for change in changes]
        suspended = [await ctx.credentials.suspend(p.provider, one) for one in ids]
        if any(suspended) and at.previous_version is not None:
            await self._refused(ctx, p, at.previous_version)
        for one in ids:
            await ctx.credentials.remove(p.provider, one)

    @staticmethod
    async def _refused(ctx: Context, p: ProviderParams, version: int) -> None:
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            if await ctx.credentials.version_dead(p.provider, version):
                return
        raise NotVerified(
            f"the old credential of {p.provider} is switched off and still signs in",
            remedy="Resume the run in a while: the service may take longer to forget it.",
        )

    async def verify(self, ctx: Context, p: ProviderParams, changes: list[Change]) -> list[Change]:
        at = await ctx.credentials.state(p.provider)
        left = [change for change in changes if change.path.rsplit("/", 1)[1] in at.superseded]
        if left or at.previous_version is None:
            return left
        # Gone from the list is not dead: tried, it must be refused.
        return [] if await ctx.credentials.version_dead(p.provider, at.previous_version) else changes


def _removal(p: ProviderParams, credential: str) -> Change:
    return Change(path=f"credential/{p.provider}/{credential}", before="live", after="removed")


def _unplanned(ctx: Context, changes: list[Change]) -> list[Change]:
    return [change for change in changes if change.path not in ctx.planned]
