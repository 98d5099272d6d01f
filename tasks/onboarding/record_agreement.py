"""`onboarding.record_agreement`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.onboarding._desk import desk
from tenantry.task import Change, Context, Impact, Task

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RecordAgreementParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    digest: Annotated[Sha256, Field(description="Of what was agreed, as onboarding.read_agreement says it")]
    file_sha256: Annotated[Sha256, Field(description="Of the client's file")]
    document: Annotated[str | None, Field(max_length=200, description="Name of the signed document")] = None
    document_sha256: Annotated[Sha256 | None, Field(description="Of its bytes")] = None
    by: Annotated[str, Field(min_length=1, max_length=80, description="Who went through it with the client")]
    at: Annotated[str, Field(max_length=40, description="When, RFC 3339")]


class RecordAgreement(Task[RecordAgreementParams]):
    """Record what was agreed with the client and who went through it with them, once for each text of it."""

    name = "onboarding.record_agreement"
    needs = ("onboarding",)
    impact = Impact.REVERSIBLE
    no_undo = "What was agreed stays in the record; what is agreed next is recorded after it."
    Params = RecordAgreementParams

    async def check(self, ctx: Context, p: RecordAgreementParams) -> list[Change]:
        path = f"agreement/{ctx.run.tenant}/digest"
        before = await desk(ctx).recorded_agreement()
        now = ctx.seen(path, before.get("digest") if before is not None else None)
        return [] if now == p.digest else [Change(path=path, before=now, after=p.digest)]

    async def apply(self, ctx: Context, p: RecordAgreementParams, changes: list[Change]) -> None:
        for _ in changes:
            await desk(ctx).record_agreement({**p.model_dump(mode="json"), "run": ctx.run.run_id})
