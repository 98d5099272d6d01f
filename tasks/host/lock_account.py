"""`host.lock_account`"""

from __future__ import annotations

from datetime import UTC, date
from typing import Any

from tasks.host._common import AccountName, OnHost, account_guards
from tenantry.capabilities import HostAccount
from tenantry.errors import Conflict, TargetNotFound
from tenantry.task import Change, Context, Impact, Permission, Task

_LOCKED = "1970-01-02"
"""Day 1: usermod(8) advises against 0, which some systems take as "never"."""


class LockAccountParams(OnHost):
    account: AccountName


class LockAccount(Task[LockAccountParams]):
    """Let one account in no more, by password or key, and end what it runs.

    Answers ATT&CK T1078.003 (local accounts) and T1136.001 (local account created). Locking the password alone leaves keys in
    force; the expiry shuts both (usermod(8), pam_unix(8)). Its processes are ended, sessions among them, so what is needed
    of them as evidence is collected before. Undo lets the account in again and starts nothing.
    """

    name = "host.lock_account"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("passwd", "cut", "usermod", "pkill", "find")),)
    impact = Impact.DISRUPTIVE
    removes_foothold = True
    Params = LockAccountParams

    async def check(self, ctx: Context, p: LockAccountParams) -> list[Change]:
        account = await find(ctx, p)
        path = f"account/{p.host}:{p.account}"
        changes = []
        shut = not account.open(ctx.now.astimezone(UTC).date())
        if not ctx.seen(f"{path}/locked", shut):
            before = {"password": account.password, "expires": account.expires.isoformat() if account.expires else None}
            changes.append(Change(path=f"{path}/locked", before=before, after=True))
        running = [
            one.id
            for one in await ctx.host.processes(p.host)
            if one.account == p.account and one.state != "Z" and ctx.seen(f"process/{p.host}:{one.id}/running", True)
        ]
        if ctx.seen(f"{path}/running", bool(running)):
            changes.append(Change(path=f"{path}/running", before=True, after=False))
        return changes

    async def apply(self, ctx: Context, p: LockAccountParams, changes: list[Change]) -> None:
        for change in changes:
            if change.path.endswith("/locked"):
                await ctx.host.lock_account(p.host, p.account)
        for change in changes:
            if change.path.endswith("/running"):  # after the lock, or it signs in again
                await ctx.host.end_sessions(p.host, p.account)

    async def undo(self, ctx: Context, p: LockAccountParams, changes: list[Change]) -> None:
        for change in changes:
            if not change.path.endswith("/locked"):
                continue
            account = await find(ctx, p)
            present = {
                "password": account.password,
                "expires": account.expires.isoformat() if account.expires else None,
            }
            if present == change.before:
                continue
            if present["expires"] != _LOCKED:
                raise Conflict(f"{p.account} on {p.host} is neither as this run left it nor as it was")
            before: dict[str, Any] = dict(change.before)
            expires = date.fromisoformat(before["expires"]) if before["expires"] else None
            await ctx.host.unlock_account(p.host, p.account, password=before["password"] == "set", expires=expires)  # noqa: S105  # a state

    async def verify_undone(self, ctx: Context, p: LockAccountParams, changes: list[Change]) -> bool:
        if not any(change.path.endswith("/locked") for change in changes):
            return True
        return (await find(ctx, p)).open(ctx.now.astimezone(UTC).date())

    async def guard(self, ctx: Context, p: LockAccountParams) -> list[str]:
        return await account_guards(ctx, p.host, p.account)


async def find(ctx: Context, p: LockAccountParams) -> HostAccount:
    """Raises TargetNotFound."""
    for account in await ctx.host.accounts(p.host):
        if account.id == p.account:
            return account
    raise TargetNotFound(f"{p.host} has no account {p.account}")
