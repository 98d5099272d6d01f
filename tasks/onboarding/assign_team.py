"""`onboarding.assign_team`"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.onboarding._desk import desk
from tasks.onboarding._fields import are_back, differing, put_back, set_fields
from tenantry.capabilities.onboarding import Colleague
from tenantry.errors import StepError
from tenantry.names import PersonId
from tenantry.task import Change, Context, Impact, Task

_SECTION = "service_team"


class AssignTeamParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    lead: Annotated[PersonId | None, Field(description="Who answers for the service; none: as the file says")] = None
    engineers: Annotated[
        list[PersonId], Field(max_length=50, description="Who works on it; empty: as the file says")
    ] = []
    on_call: Annotated[
        list[PersonId], Field(max_length=50, description="Who is called, the first one first; empty: as the file says")
    ] = []


class AssignTeam(Task[AssignTeamParams]):
    """Write into the client's file who of the MSP looks after them, once it is sure that these people can.

    Whoever is named, here or in the file, must be enabled and enrolled, have the role, and have this client in their scope: else the first
    incident finds nobody.
    """

    name = "onboarding.assign_team"
    needs = ("onboarding",)
    impact = Impact.REVERSIBLE
    timeout = 30.0
    Params = AssignTeamParams

    async def check(self, ctx: Context, p: AssignTeamParams) -> list[Change]:
        wanted = {name: value for name, value in p.model_dump(mode="json").items() if value}
        keys = ("lead", "engineers", "on_call")
        stands = {key: wanted.get(key) or await desk(ctx).field(_SECTION, key) for key in keys}
        problems = unable(stands, ctx.subject, await desk(ctx).colleagues())
        if problems:
            raise StepError(
                "; ".join(problems),
                remedy="Correct it under `service_team` or `response_team` in the tenant's file, or with `tenantry people`, then resume the run.",
            )
        return await differing(ctx, _SECTION, wanted)

    async def apply(self, ctx: Context, p: AssignTeamParams, changes: list[Change]) -> None:  # noqa: ARG002  # all is in the changes
        await set_fields(ctx, changes)

    async def undo(self, ctx: Context, p: AssignTeamParams, changes: list[Change]) -> None:  # noqa: ARG002  # likewise
        await put_back(ctx, changes)

    async def verify_undone(self, ctx: Context, p: AssignTeamParams, changes: list[Change]) -> bool:  # noqa: ARG002  # likewise
        return await are_back(ctx, changes)


def unable(stands: Mapping[str, Any], subject: Mapping[str, Any], known: Mapping[str, Colleague]) -> list[str]:
    """Why these people cannot look after the client, one sentence each."""
    found = [] if stands["lead"] else ["nobody leads the service"]
    found += [] if stands["engineers"] else ["nobody works on the service"]
    placed = [
        *((stands["lead"], "lead") for _ in (1,) if stands["lead"]),
        *((name, "engineer") for name in stands["engineers"] or ()),
        *((name, None) for name in stands["on_call"] or ()),
        *(
            (member[place], None)
            for member in subject.get("response_team") or ()
            for place in ("person", "deputy")
            if member.get(place)
        ),
    ]
    for name, role in dict.fromkeys(placed):
        one = known.get(name)
        if one is None:
            found.append(f"{name} is nobody of the MSP")
        elif not (one.enabled and one.enrolled):
            found.append(f"{name} is {'disabled' if not one.enabled else 'not enrolled'}")
        elif not one.here:
            found.append(f"{name} may not touch this client")
        elif role is not None and role not in one.roles:
            found.append(f"{name} is no {role}")
    return list(dict.fromkeys(found))
