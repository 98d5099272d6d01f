"""Fields of the client's file that a run sets: compared, set, put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tenantry.errors import Conflict
from tenantry.task import Change, Context


async def differing(ctx: Context, section: str, wanted: Mapping[str, Any]) -> list[Change]:
    """A change for each field that the file says otherwise; in a plan, as earlier steps would have left it."""
    found = []
    for key, value in wanted.items():
        path = f"tenant/{ctx.run.tenant}/{section}.{key}"
        now = ctx.seen(path, await ctx.capability("onboarding").field(section, key))
        if now != value:
            found.append(Change(path=path, before=now, after=value))
    return found


async def set_fields(ctx: Context, changes: Sequence[Change]) -> None:
    """Make the changes."""
    for change in changes:
        await ctx.capability("onboarding").set_field(*_place(change), change.after)


async def put_back(ctx: Context, changes: Sequence[Change]) -> None:
    """Set the fields to what they were.

    Raises:
        Conflict: somebody set one to something else since.
    """
    desk = ctx.capability("onboarding")
    for change in changes:
        now = await desk.field(*_place(change))
        if now == change.before:
            continue
        if now != change.after:
            raise Conflict(f"{change.path} was set to something else since")
        await desk.set_field(*_place(change), change.before)


async def are_back(ctx: Context, changes: Sequence[Change]) -> bool:
    """Whether the file says what it said before."""
    desk = ctx.capability("onboarding")
    return all([await desk.field(*_place(change)) == change.before for change in changes])


def _place(change: Change) -> tuple[str, str]:
    section, _, key = change.path.rsplit("/", 1)[1].partition(".")
    return section, key
