"""`identity.verify_shut_out`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks._patience import Patience, until_right
from tasks._times import at_or_after, text
from tenantry.task import AccountRef, Context, HumanAnswer, Output, Permission, ReadTask


class VerifyShutOutParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    on_premises: Annotated[
        HumanAnswer | None,
        Field(description="Output of the human.do in which a person disabled synced accounts on premises"),
    ] = None
    patience: Patience = 60.0


class ShutOut(Output):
    account: str
    upn: str
    shut: bool
    """True only when every point was seen; a plan says False."""
    proofs: list[str]
    caveats: list[str]
    checked_at: datetime


class VerifyShutOut(ReadTask[VerifyShutOutParams, ShutOut]):
    """Prove that one account lets nobody in: blocked, its sessions ended, and no sign-in since that succeeded.

    An account that is mastered in Active Directory counts only with a person's word that it was disabled there.
    """

    name = "identity.verify_shut_out"
    needs = ("identity",)
    permissions = (Permission(vendor="microsoft365", names=("User.Read.All", "AuditLog.Read.All")),)
    timeout = 300.0
    Params = VerifyShutOutParams
    Output = ShutOut

    async def read(self, ctx: Context, p: VerifyShutOutParams) -> ShutOut:
        account = await ctx.identity.account(p.account)
        caveats = [
            "access tokens already issued live on for up to an hour where there is no continuous access evaluation"
        ]
        if account.synced:
            caveats.append(f"{account.upn} is mastered in Active Directory; there it was disabled by a person")
        made: dict[str, Any] = {"account": account.id, "upn": account.upn, "caveats": caveats, "checked_at": ctx.now}
        if ctx.run.mode == "plan":
            return ShutOut(shut=False, proofs=[], **made)

        async def look() -> tuple[list[str], list[str]]:
            return await _look(ctx, account.id, p)

        return ShutOut(shut=True, proofs=await until_right(look, p.patience), **made)


async def _look(ctx: Context, account_id: str, p: VerifyShutOutParams) -> tuple[list[str], list[str]]:
    account = await ctx.identity.account(account_id)
    proofs: list[str] = []
    wrong: list[str] = []

    def point(holds: bool, proof: str, lack: str) -> None:
        (proofs if holds else wrong).append(proof if holds else lack)

    point(not account.enabled, f"{account.upn} is blocked", f"{account.upn} may sign in")
    ended = account.sessions_valid_from
    shown = at_or_after(ended, ctx.run.started_at)
    point(shown, f"its sessions ended at {text(ended)}", f"sessions of {account.upn} from before live on")
    if account.synced:
        stated = p.on_premises is not None and p.on_premises.answer == "done"
        point(stated, "a person disabled it in Active Directory", f"nobody disabled {account.upn} in Active Directory")
    if ended is not None and shown:
        since = [
            one async for one in ctx.identity.sign_ins(account_id, ended, ctx.now) if one.success and one.at > ended
        ]
        point(
            not since,
            "no sign-in since then succeeded",
            f"{account.upn} signed in since, from {since[0].ip if since else ''}",
        )
    return proofs, wrong
