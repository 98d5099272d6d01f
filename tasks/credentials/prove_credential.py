"""`credentials.prove_credential`"""

from __future__ import annotations

import asyncio
from datetime import datetime

from tasks.credentials._params import PERMISSIONS, ProviderParams
from tenantry.errors import NotVerified
from tenantry.task import Context, Output, ReadTask

_PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 20.0)
"""Seconds between attempts: a directory takes a while to know a new credential everywhere."""


class ProvenCredential(Output):
    provider: str
    kind: str
    credential: str
    expires_at: datetime | None


class ProveCredential(ReadTask[ProviderParams, ProvenCredential]):
    """Sign in with the new credential, before anything depends on it."""

    name = "credentials.prove_credential"
    needs = ("credentials",)
    permissions = PERMISSIONS
    timeout = 120.0
    Params = ProviderParams
    Output = ProvenCredential

    async def read(self, ctx: Context, p: ProviderParams) -> ProvenCredential:
        at = await ctx.credentials.state(p.provider)
        if f"credential/{p.provider}/candidate" in ctx.planned:
            return ProvenCredential(
                provider=p.provider, kind=at.kind, credential="the one that the run makes", expires_at=None
            )
        if at.candidate is None:
            raise NotVerified(f"{p.provider} has no new credential that lives", remedy="Start the rotation again.")
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            if await ctx.credentials.candidate_works(p.provider):
                return ProvenCredential(
                    provider=p.provider, kind=at.kind, credential=at.candidate, expires_at=at.candidate_expires_at
                )
        raise NotVerified(
            f"the new {at.kind} of {p.provider} does not sign in",
            remedy="The present one was left alone; resume the run, or undo it.",
        )
