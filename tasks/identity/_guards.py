"""Reasons why a person must approve an effect on an account although the runbook does not ask for one.

Promise 7 of the platform: what would touch the responder's own account or the last way in stops and asks. An attacker
who can forge an alert must not be able to make us lock the client out of its own tenant.
"""

from __future__ import annotations

import asyncio

from tenantry.capabilities import Account
from tenantry.task import Context, Permission

LAST_WAY_IN = "Global Administrator"
"""The role without an enabled holder of which nobody can administer the tenant any more.
https://learn.microsoft.com/entra/identity/role-based-access-control/security-emergency-access"""

GUARD_PERMISSIONS = Permission(vendor="microsoft365", names=("User.Read.All", "RoleManagement.Read.Directory"))
"""What :func:`account_guards` reads with."""


def protected(ctx: Context, account: Account) -> list[str]:
    """Whether the account is one of the responders' or a break-glass account, as the tenant's file names them."""
    if {account.id.lower(), account.upn.lower()} & {name.lower() for name in ctx.protected}:
        return [f"{account.upn} is a break-glass or responder's account of this tenant"]
    return []


async def mailbox_guards(ctx: Context, user: str) -> list[str]:
    """For effects on what is in a mailbox: these lock nobody out, so a privileged role alone is no reason to ask."""
    return protected(ctx, await ctx.identity.account(user))


async def account_guards(ctx: Context, user: str) -> list[str]:
    """For effects on the account itself: protected, privileged, or the last enabled Global Administrator.

    Raises:
        ProviderError: roles could not be read. An unknown role is not "no role": the effect waits.
    """
    account, held_roles = await asyncio.gather(ctx.identity.account(user), ctx.identity.roles(user))
    reasons = protected(ctx, account)
    roles = sorted({held.role for held in held_roles if held.privileged})
    if roles:
        reasons.append(f"{account.upn} holds a privileged role: {', '.join(roles)}")
    if LAST_WAY_IN in roles and not any(
        holder.enabled for holder in await ctx.identity.role_holders(LAST_WAY_IN) if holder.id != account.id
    ):
        reasons.append(f"{account.upn} is the last enabled {LAST_WAY_IN}: the last way in")
    return reasons


async def application_guards(ctx: Context, application: str) -> list[str]:
    """For effects on an application: the platform's own access, the vendor's own services, or a publisher whom the vendor has
    verified, which is no proof of innocence but a reason to look twice.

    Raises:
        ProviderError: it could not be read.
    """
    found = await ctx.applications.application(application)
    reasons = []
    if found.ours:
        reasons.append(f"{found.name} is the application that this platform signs in with: its own way in")
    if found.first_party:
        reasons.append(f"{found.name} is the vendor's own: services may stop without it")
    if found.verified:
        reasons.append(f"the publisher of {found.name} is verified: {found.publisher}")
    return reasons
