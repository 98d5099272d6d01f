"""`credentials.forget_candidate`"""

from __future__ import annotations

from tasks.credentials._params import ProviderParams
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task


class ForgetCandidate(Task[ProviderParams]):
    """Delete the stored copy of a new credential that is in use by now: it lies under its own name."""

    name = "credentials.forget_candidate"
    needs = ("credentials",)
    impact = Impact.REVERSIBLE
    no_undo = "The copy has no use any more: the credential lies under its own name, where every sign-in takes it."
    timeout = 60.0
    Params = ProviderParams

    async def check(self, ctx: Context, p: ProviderParams) -> list[Change]:
        at = await ctx.credentials.state(p.provider)
        path = f"credential/{p.provider}/copy"
        will_be = f"credential/{p.provider}/candidate" in ctx.planned
        if path in ctx.planned or not (at.candidate_stored or will_be):
            return []
        return [Change(path=path, before="stored", after=None)]

    async def apply(self, ctx: Context, p: ProviderParams, changes: list[Change]) -> None:  # noqa: ARG002  # there is one
        at = await ctx.credentials.state(p.provider)
        if at.candidate is not None and at.candidate != at.current:
            raise Conflict(f"the new credential of {p.provider} lives and is not in use")
        await ctx.credentials.forget_candidate(p.provider)
