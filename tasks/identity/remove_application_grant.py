"""`identity.remove_application_grant`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._grants import all_held, give_back
from tasks.identity._guards import application_guards
from tenantry.capabilities import ApplicationGrant
from tenantry.task import Change, Context, Impact, Permission, Task


class RemoveApplicationGrantParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    application: Annotated[str, Field(min_length=1, max_length=64, description="Object id in this tenant")]
    grant_id: Annotated[str, Field(min_length=1, max_length=256, description="Id of the one grant to remove")]


class RemoveApplicationGrant(Task[RemoveApplicationGrantParams]):
    """Take back one thing that lets an application act: a consent, an application permission, an assignment.

    Answers ATT&CK T1528: a consent outlives password resets and revoked sessions, and one for everybody outlives each person's.
    Undo grants the same again; the vendor gives it a new id.
    https://learn.microsoft.com/graph/api/oauth2permissiongrant-delete, …/serviceprincipal-delete-approleassignments
    """

    name = "identity.remove_application_grant"
    needs = ("applications",)
    permissions = (
        Permission(
            vendor="microsoft365",
            names=(
                "Application.Read.All",
                "Directory.Read.All",
                "DelegatedPermissionGrant.ReadWrite.All",
                "AppRoleAssignment.ReadWrite.All",
            ),
        ),
    )
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = RemoveApplicationGrantParams

    async def check(self, ctx: Context, p: RemoveApplicationGrantParams) -> list[Change]:
        path = f"application_grant/{p.grant_id}/granted"
        for grant in await ctx.applications.grants(p.application):
            if grant.id == p.grant_id and ctx.seen(path, True):
                return [Change(path=path, before=grant.model_dump(mode="json"), after=None)]
        return []

    async def apply(self, ctx: Context, p: RemoveApplicationGrantParams, changes: list[Change]) -> None:  # noqa: ARG002  # the change has it
        for change in changes:
            await ctx.applications.remove_grant(ApplicationGrant.model_validate(change.before))

    async def undo(self, ctx: Context, p: RemoveApplicationGrantParams, changes: list[Change]) -> None:
        for change in changes:
            before = ApplicationGrant.model_validate(change.before)
            held = await ctx.applications.grants(p.application)
            otherwise = f"something else was granted to the application on {before.resource} since"
            await give_back(before, held, _same, ctx.applications.add_grant, otherwise)

    async def verify_undone(self, ctx: Context, p: RemoveApplicationGrantParams, changes: list[Change]) -> bool:
        wanted = [ApplicationGrant.model_validate(change.before) for change in changes]
        return all_held(wanted, await ctx.applications.grants(p.application), _same)

    async def guard(self, ctx: Context, p: RemoveApplicationGrantParams) -> list[str]:
        return await application_guards(ctx, p.application)


def _same(one: ApplicationGrant, other: ApplicationGrant) -> bool:
    """Of one kind, on one resource, for one account; ids differ once a grant was made again."""
    key = ("kind", "resource_id", "account_id")
    if any(getattr(one, name) != getattr(other, name) for name in key):
        return False
    # Of application permissions each is a grant of its own; of delegated ones there is one for account and resource.
    return one.kind == "delegated" or one.scope == other.scope
