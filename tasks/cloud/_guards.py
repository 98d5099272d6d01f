"""Reasons why a person must approve an effect on a principal of the cloud account although the runbook does not ask for one.

An administrator alone is no reason here: what an attacker makes first is an administrator of their own, and taking that away must not wait. What
asks is the principal that we work as, the accounts that the tenant's file protects, root, and the last administrator.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from tenantry.task import Context, Permission

PrincipalRef = Annotated[
    str,
    Field(
        min_length=3,
        max_length=600,
        pattern=r"^\S+$",
        description="user/NAME, role/NAME, a resource name, or a unique id",
    ),
]
KeyRef = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]{16,128}$", description="Id of the access key (AKIA…); never its secret")
]


def aws(*names: str) -> Permission:
    """IAM actions."""
    return Permission(vendor="aws", names=names)


FIND = aws("iam:GetUser", "iam:GetRole", "iam:GetGroup", "iam:ListUsers", "iam:ListRoles", "iam:ListGroups")
"""What a principal is found with."""
KEYS = aws("iam:GetAccessKeyLastUsed", "iam:ListAccessKeys")
GUARD = aws(
    *("sts:GetCallerIdentity", "iam:GetAccountAuthorizationDetails", "iam:GetLoginProfile", *FIND.names, *KEYS.names)
)
"""What :func:`principal_guards` reads with."""


async def principal_guards(ctx: Context, principal: str) -> list[str]:
    """For effects that take away what a principal may do.

    Raises:
        ProviderError: it could not be read who administers the account. Unknown is not "nobody": the effect waits.
    """
    if principal == "root" or principal.endswith(":root"):
        return ["the root user of the account"]
    found, caller, administrators = await asyncio.gather(
        ctx.cloud_identity.principal(principal), ctx.cloud_identity.caller(), ctx.cloud_identity.administrators()
    )
    reasons = []
    if found.ref == caller.ref:
        reasons.append(f"{found.ref} is what this platform works as in the account")
    if {found.ref.lower(), found.arn.lower(), found.id.lower(), found.name.lower()} & {
        n.lower() for n in ctx.protected
    }:
        reasons.append(f"{found.ref} is a break-glass or responder's principal of this tenant")
    others = [one for one in administrators if one.id != found.id and one.ref != caller.ref]
    if any(one.id == found.id for one in administrators) and not others:
        reasons.append(f"{found.ref} is the last administrator besides us: the last way in")
    return reasons


async def key_guards(ctx: Context, key_id: str) -> list[str]:
    """For effects on a key: as for its owner."""
    return await principal_guards(ctx, (await ctx.cloud_identity.key(key_id)).owner)
