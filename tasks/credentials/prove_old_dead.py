"""`credentials.prove_old_dead`"""

from __future__ import annotations

import asyncio
from typing import Final

from tasks.credentials._params import ProviderParams
from tenantry.errors import NotVerified
from tenantry.task import Context, Output, ReadTask

_PAUSES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 20.0)
"""Seconds between attempts: a service takes a while to forget a credential everywhere."""


class DeadCredential(Output):
    provider: str
    version: int | None
    """In the vault; None where there was none before."""


class ProveOldDead(ReadTask[ProviderParams, DeadCredential]):
    """Sign in with the credential that was replaced: it must be refused. For what a person removed at the service."""

    name = "credentials.prove_old_dead"
    needs = ("credentials",)
    timeout = 120.0
    Params = ProviderParams
    Output = DeadCredential

    async def read(self, ctx: Context, p: ProviderParams) -> DeadCredential:
        at = await ctx.credentials.state(p.provider)
        if at.previous_version is None or f"credential/{p.provider}/version" in ctx.planned:
            return DeadCredential(provider=p.provider, version=at.previous_version)
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            if await ctx.credentials.version_dead(p.provider, at.previous_version):
                return DeadCredential(provider=p.provider, version=at.previous_version)
        raise NotVerified(
            f"the old credential of {p.provider} still signs in",
            remedy="Have it removed at the service, then resume the run.",
        )
