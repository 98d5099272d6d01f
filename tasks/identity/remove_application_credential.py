"""`identity.remove_application_credential`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import application_guards
from tenantry.capabilities import ApplicationCredential
from tenantry.task import Change, Context, Impact, Permission, Task


class RemoveApplicationCredentialParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    application: Annotated[str, Field(min_length=1, max_length=64, description="Object id in this tenant")]
    credential_id: Annotated[
        str, Field(min_length=1, max_length=64, description="Id of the one password or key to remove; the others stay")
    ]


class RemoveApplicationCredential(Task[RemoveApplicationCredentialParams]):
    """Remove one password or key with which somebody can sign in as an application.

    Answers ATT&CK T1098.001 (additional cloud credentials): with it an attacker comes back without any consent or account. Whoever
    used it honestly needs a new one. https://learn.microsoft.com/graph/api/application-removepassword
    """

    name = "identity.remove_application_credential"
    needs = ("applications",)
    permissions = (Permission(vendor="microsoft365", names=("Application.ReadWrite.All",)),)
    impact = Impact.REVERSIBLE
    no_undo = "The vendor shows a password once, when it is made: make a new one for whoever used it honestly."
    removes_foothold = True
    Params = RemoveApplicationCredentialParams

    async def check(self, ctx: Context, p: RemoveApplicationCredentialParams) -> list[Change]:
        path = f"application_credential/{p.application}/{p.credential_id}"
        for credential in await ctx.applications.credentials(p.application):
            if credential.id == p.credential_id and ctx.seen(path, True):
                return [Change(path=path, before=credential.model_dump(mode="json"), after=None)]
        return []

    async def apply(self, ctx: Context, p: RemoveApplicationCredentialParams, changes: list[Change]) -> None:  # noqa: ARG002  # the change has it
        for change in changes:
            await ctx.applications.remove_credential(ApplicationCredential.model_validate(change.before))

    async def guard(self, ctx: Context, p: RemoveApplicationCredentialParams) -> list[str]:
        return await application_guards(ctx, p.application)
