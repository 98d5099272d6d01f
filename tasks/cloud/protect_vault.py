"""`cloud.protect_vault`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._documents import with_kept_points
from tasks.cloud._guards import aws
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task


class ProtectVaultParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    vault: Annotated[str, Field(min_length=1, max_length=300, description="Resource name of the backup vault")]


class ProtectVault(Task[ProtectVaultParams]):
    """Let nobody delete recovery points from one backup vault, or have them expire, for as long as the incident lasts.

    Answers ATT&CK T1490. Merged into the vault's policy, and taken back with it; who may write that policy may take it away, so keys and
    principals of the attacker are denied beside it. https://docs.aws.amazon.com/aws-backup/latest/devguide/API_PutBackupVaultAccessPolicy.html
    """

    name = "cloud.protect_vault"
    needs = ("cloud",)
    permissions = (
        aws("backup:GetBackupVaultAccessPolicy", "backup:ListBackupVaults"),
        aws("backup:PutBackupVaultAccessPolicy", "backup:DeleteBackupVaultAccessPolicy"),
    )
    impact = Impact.DISRUPTIVE
    Params = ProtectVaultParams

    async def check(self, ctx: Context, p: ProtectVaultParams) -> list[Change]:
        path = f"backup_vault/{p.vault}/policy"
        present = ctx.seen(path, await ctx.cloud.vault_policy(p.vault))
        wanted = with_kept_points(present)
        return [] if present == wanted else [Change(path=path, before=present, after=wanted)]

    async def apply(self, ctx: Context, p: ProtectVaultParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.cloud.set_vault_policy(p.vault, change.after)

    async def undo(self, ctx: Context, p: ProtectVaultParams, changes: list[Change]) -> None:
        for change in changes:
            present = await ctx.cloud.vault_policy(p.vault)
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"the policy of {p.vault} has changed since")
            await ctx.cloud.set_vault_policy(p.vault, change.before)
