"""`credentials.make_credential`"""

from __future__ import annotations

from tasks.credentials._params import PERMISSIONS, ProviderParams
from tenantry.capabilities.credentials import LABEL
from tenantry.task import Change, Context, Impact, Task


class MakeCredential(Task[ProviderParams]):
    """Have a new credential beside the present one, live at the service and stored, used by nobody yet.

    One that an earlier run made and did not finish with is taken as it is; what was made and whose answer never came is removed
    first, because nobody has its value.
    """

    name = "credentials.make_credential"
    needs = ("credentials",)
    permissions = PERMISSIONS
    impact = Impact.REVERSIBLE
    timeout = 180.0
    Params = ProviderParams

    async def check(self, ctx: Context, p: ProviderParams) -> list[Change]:
        at = await ctx.credentials.state(p.provider)
        path = f"credential/{p.provider}/candidate"
        if ctx.seen(path, at.candidate) is not None:
            return []
        return [Change(path=path, before=None, after=f"a new {at.kind}, made by this run")]

    async def apply(self, ctx: Context, p: ProviderParams, changes: list[Change]) -> None:  # noqa: ARG002  # there is one
        await ctx.credentials.make(p.provider, f"{LABEL} {ctx.run.run_id[:12]}")

    async def undo(self, ctx: Context, p: ProviderParams, changes: list[Change]) -> None:  # noqa: ARG002  # there is one
        await ctx.credentials.discard(p.provider)
