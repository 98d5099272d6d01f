"""What is made again of an image or a snapshot, once for a step and item."""

from __future__ import annotations

from tasks.cloud.snapshot_volumes import token
from tenantry.capabilities import CloudMachines, MadeAgain
from tenantry.errors import NotVerified
from tenantry.task import Change, Context

__all__ = ["due", "machines", "ready", "token"]


def machines(ctx: Context) -> CloudMachines:
    """The capability."""
    return ctx.capability("cloud_machines")  # type: ignore[no-any-return]  # the assembly checks the Protocol


async def due(ctx: Context, path: str, source: str) -> list[Change]:
    """Nothing, once it is there and ready."""
    found = await machines(ctx).made(token(ctx))
    if ctx.seen(path, found is not None and found.state == "ready"):
        return []
    return [Change(path=path, before=None, after={"of": source})]


async def ready(ctx: Context, what: str) -> bool:
    """Whether it is. Raises NotVerified: it failed."""
    found: MadeAgain | None = await machines(ctx).made(token(ctx))
    if found is not None and found.state == "failed":
        raise NotVerified(f"{what} {found.id} was made, and failed: the vendor's console says why")
    return found is not None and found.state == "ready"
