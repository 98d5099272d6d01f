"""`identity.disable_application`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import application_guards
from tenantry.task import Change, Context, Impact, Permission, Task


class DisableApplicationParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    application: Annotated[str, Field(min_length=1, max_length=64, description="Object id in this tenant")]


class DisableApplication(Task[DisableApplicationParams]):
    """Stop an application from getting tokens in this tenant, for anybody and as itself.

    Answers ATT&CK T1528. It is disabled and not deleted: deleted, it could be consented to again and its traces would be gone.
    Tokens that it has live on for up to an hour. https://learn.microsoft.com/entra/identity/enterprise-apps/disable-user-sign-in-portal
    """

    name = "identity.disable_application"
    needs = ("applications",)
    permissions = (Permission(vendor="microsoft365", names=("Application.ReadWrite.All",)),)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = DisableApplicationParams

    async def check(self, ctx: Context, p: DisableApplicationParams) -> list[Change]:
        path = f"application/{p.application}/enabled"
        enabled = ctx.seen(path, (await ctx.applications.application(p.application)).enabled)
        return [Change(path=path, before=True, after=False)] if enabled else []

    async def apply(self, ctx: Context, p: DisableApplicationParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.applications.set_enabled(p.application, change.after)

    async def undo(self, ctx: Context, p: DisableApplicationParams, changes: list[Change]) -> None:
        for change in changes:
            if (await ctx.applications.application(p.application)).enabled != change.before:
                await ctx.applications.set_enabled(p.application, change.before)

    async def guard(self, ctx: Context, p: DisableApplicationParams) -> list[str]:
        return await application_guards(ctx, p.application)
