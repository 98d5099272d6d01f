"""`cloud.collect_vaults`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks._rows import RowStore
from tasks.cloud._guards import aws
from tenantry.task import Context, EvidenceRef, NoParams, Output, ReadTask


class Vault(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    region: str
    points: int
    locked: bool
    """For good."""
    lock_removable: bool


class Vaults(Output):
    vaults: list[Vault]
    """Those that hold something."""
    empty: int
    evidence: list[EvidenceRef]


class CollectVaults(ReadTask[NoParams, Vaults]):
    """Keep what backup vaults the cloud account has, in every region of the tenant's file, as evidence."""

    name = "cloud.collect_vaults"
    needs = ("cloud",)
    permissions = (aws("backup:ListBackupVaults"),)
    timeout = 300.0
    Params = NoParams
    Output = Vaults

    async def read(self, ctx: Context, p: NoParams) -> Vaults:  # noqa: ARG002  # there is nothing to choose
        rows, found, empty = RowStore(ctx, "backup-vaults"), [], 0
        async for vault in ctx.cloud.backup_vaults():
            await rows.add(vault.raw)
            if vault.points:
                found.append(Vault.model_validate(vault.model_dump(exclude={"raw"})))
            else:
                empty += 1
        return Vaults(vaults=found, empty=empty, evidence=await rows.close())
