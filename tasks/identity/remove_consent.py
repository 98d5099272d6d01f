"""`identity.remove_consent`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._grants import all_held, give_back
from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.capabilities import Consent
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class RemoveConsentParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    consent_id: Annotated[str, Field(min_length=1, description="Id of the one grant to remove")]


class RemoveConsent(Task[RemoveConsentParams]):
    """Take back one consent that lets an application act for an account.

    Answers ATT&CK T1528 (application access token): a consent outlives password resets and revoked sessions. Undo grants
    the same again; the vendor gives it a new id.
    https://learn.microsoft.com/graph/api/oauth2permissiongrant-delete and …/user-delete-approleassignments
    """

    name = "identity.remove_consent"
    needs = ("identity",)
    permissions = (
        Permission(
            vendor="microsoft365",
            names=("DelegatedPermissionGrant.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Application.Read.All"),
        ),
        GUARD_PERMISSIONS,
    )
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = RemoveConsentParams

    async def check(self, ctx: Context, p: RemoveConsentParams) -> list[Change]:
        path = f"consent/{p.consent_id}/granted"
        for consent in await ctx.identity.consents(p.account):
            if consent.id == p.consent_id and ctx.seen(path, True):
                return [Change(path=path, before=consent.model_dump(mode="json"), after=None)]
        return []

    async def apply(self, ctx: Context, p: RemoveConsentParams, changes: list[Change]) -> None:  # noqa: ARG002  # the change has it
        for change in changes:
            await ctx.identity.remove_consent(Consent.model_validate(change.before))

    async def undo(self, ctx: Context, p: RemoveConsentParams, changes: list[Change]) -> None:
        for change in changes:
            before = Consent.model_validate(change.before)
            held = await ctx.identity.consents(p.account)
            otherwise = f"{before.app_name} was granted something else on the same resource since"
            await give_back(before, held, _same_grant, ctx.identity.add_consent, otherwise)

    async def verify_undone(self, ctx: Context, p: RemoveConsentParams, changes: list[Change]) -> bool:
        wanted = [Consent.model_validate(change.before) for change in changes]
        return all_held(wanted, await ctx.identity.consents(p.account), _same_grant)

    async def guard(self, ctx: Context, p: RemoveConsentParams) -> list[str]:
        return await account_guards(ctx, p.account)


def _same_grant(one: Consent, other: Consent) -> bool:
    """The same application, resource and holder; ids differ once a grant was made again."""
    if (one.kind, one.app_id, one.resource_id, one.account_id) != (
        other.kind,
        other.app_id,
        other.resource_id,
        other.account_id,
    ):
        return False
    # A holder may have several application roles on one resource, each its own grant; of delegated ones there is one.
    return one.kind != "application" or one.scope == other.scope
