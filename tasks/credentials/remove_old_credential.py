"""`credentials.remove_old_credential`"""

from __future__ import annotations

from tasks.credentials._params import PERMISSIONS, ProviderParams
from tenantry.errors import CannotCheck, Conflict
from tenantry.task import Change, Context, Impact, Task


class RemoveOldCredential(Task[ProviderParams]):
    """Kill our superseded credentials at the service, and prove them dead by trying to sign in.

    Only what the vault knows as ours, and leftovers of rotations; what else signs in with this application is not touched. Nothing
    is removed unless the credential that stands in the vault now signs in.
    """

    name = "credentials.remove_old_credential"
    needs = ("credentials",)
    permissions = PERMISSIONS
    impact = Impact.DISRUPTIVE
    no_undo = "A credential that was removed is not given back; a new one is made."
    timeout = 60.0
    patience = 300.0
    Params = ProviderParams

    async def check(self, ctx: Context, p: ProviderParams) -> list[Change]:
        at = await ctx.credentials.state(p.provider)
        if f"credential/{p.provider}/version" in ctx.planned and at.current is not None:
            return _unplanned(ctx, [_removal(p, at.current)])
        if at.candidate is not None and at.candidate != at.current:
            raise Conflict(f"the new credential of {p.provider} is not in use yet")
        found = [_removal(p, one) for one in at.superseded]
        if (
            not found
            and at.previous_version is not None
            and await ctx.credentials.version_works(p.provider, at.previous_version)
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
        for change in changes:
            await ctx.credentials.remove(p.provider, change.path.rsplit("/", 1)[1])

    async def verify(self, ctx: Context, p: ProviderParams, changes: list[Change]) -> list[Change]:
        at = await ctx.credentials.state(p.provider)
        left = [change for change in changes if change.path.rsplit("/", 1)[1] in at.superseded]
        if left or at.previous_version is None:
            return left
        # Gone from the list is not dead: tried, it must be refused.
        return changes if await ctx.credentials.version_works(p.provider, at.previous_version) else []


def _removal(p: ProviderParams, credential: str) -> Change:
    return Change(path=f"credential/{p.provider}/{credential}", before="live", after="removed")


def _unplanned(ctx: Context, changes: list[Change]) -> list[Change]:
    return [change for change in changes if change.path not in ctx.planned]
