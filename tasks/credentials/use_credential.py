"""`credentials.use_credential`"""

from __future__ import annotations

from tasks.credentials._params import PERMISSIONS, ProviderParams
from tenantry.errors import NotVerified
from tenantry.task import Change, Context, Impact, Task


class UseCredential(Task[ProviderParams]):
    """Make the proven new credential the one that every sign-in takes from the vault, by one check-and-set write.

    The old one lives on until it is removed: whoever read it a moment ago can still use it.
    """

    name = "credentials.use_credential"
    needs = ("credentials",)
    permissions = PERMISSIONS
    impact = Impact.REVERSIBLE
    no_undo = "The old one is an older version in the vault; another rotation makes a newer one."
    timeout = 180.0
    Params = ProviderParams

    async def check(self, ctx: Context, p: ProviderParams) -> list[Change]:
        at = await ctx.credentials.state(p.provider)
        path = f"credential/{p.provider}/version"
        planned = path in ctx.planned or f"credential/{p.provider}/candidate" in ctx.planned
        if path in ctx.planned or at.candidate == at.current or (at.candidate is None and not planned):
            return []
        return [Change(path=path, before=at.version, after=f"the new {at.kind}, kept as {at.reference}")]

    async def apply(self, ctx: Context, p: ProviderParams, changes: list[Change]) -> None:
        if not await ctx.credentials.candidate_works(p.provider):
            raise NotVerified(f"the new credential of {p.provider} does not sign in any more")
        for change in changes:
            await ctx.credentials.promote(p.provider, int(change.before))
