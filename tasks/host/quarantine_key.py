"""`host.quarantine_key`"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.host._common import OnHost, key_guards
from tenantry.capabilities import AuthorizedKey
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Permission, Task


class QuarantineKeyParams(OnHost):
    key_id: Annotated[str, Field(min_length=1, description="Id of the one key, as host.collect_persistence reports it")]


class QuarantineKey(Task[QuarantineKeyParams]):
    """Take one authorized key out of force, and keep it where it was, as a comment.

    Answers ATT&CK T1098.004 (SSH authorized keys). The file's digest before stands in the change. A key that is gone
    counts as out of force. sshd(8), AUTHORIZED_KEYS FILE FORMAT: lines that begin with ``#`` are ignored.
    """

    name = "host.quarantine_key"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("sshd", "find", "tar", "grep", "sed", "passwd", "cut")),)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = QuarantineKeyParams

    async def check(self, ctx: Context, p: QuarantineKeyParams) -> list[Change]:
        key = await find(ctx, p)
        path = f"key/{p.host}:{p.key_id}/enabled"
        if key is None or not ctx.seen(path, key.enabled):
            return []
        before = {"fingerprint": key.fingerprint, "line": key.line, "file_sha256": key.file_sha256}
        return [Change(path=path, before=before, after=False)]

    async def apply(self, ctx: Context, p: QuarantineKeyParams, changes: list[Change]) -> None:
        for change in changes:
            key = await find(ctx, p)
            if key is not None and key.line == change.before["line"]:
                await ctx.host.set_key_enabled(p.host, key, False)

    async def undo(self, ctx: Context, p: QuarantineKeyParams, changes: list[Change]) -> None:
        for change in changes:
            key = await find(ctx, p)
            if key is None or key.line != change.before["line"]:
                raise Conflict(f"the key {p.key_id} on {p.host} was removed or changed since")
            if not key.enabled:
                await ctx.host.set_key_enabled(p.host, key, True)

    async def guard(self, ctx: Context, p: QuarantineKeyParams) -> list[str]:
        key = await find(ctx, p)
        return [] if key is None else await key_guards(ctx, p.host, key.account, key.fingerprint)


async def find(ctx: Context, p: QuarantineKeyParams) -> AuthorizedKey | None:
    """In force before out of force: the same key may stand twice in a file."""
    found = [key for key in await ctx.host.authorized_keys(p.host) if key.id == p.key_id]
    return next((key for key in found if key.enabled), found[0] if found else None)
