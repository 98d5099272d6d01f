from __future__ import annotations

import pytest

from tasks.mail.make_shared import MakeShared
from tenantry.errors import StepError
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fakes import FakeTenant

GIB = 2**30


def prepare(tenant: FakeTenant) -> dict[str, str]:
    return {"account": tenant.add_account("alice").upn}


async def set_to(tenant: FakeTenant, **facts: object) -> None:
    plain = await tenant.mail.appearance("id-alice")
    tenant.mail.appearance_of["id-alice"] = plain.model_copy(update=facts)


def a_room(tenant: FakeTenant) -> None:
    held = tenant.mail.appearance_of
    held["id-alice"] = held["id-alice"].model_copy(update={"kind": "other"})


class TestMakeShared(ContestedEffectContract):
    case = Case(
        task=MakeShared,
        prepare=prepare,
        writes=[("set_shared", "id-alice", True)],
        undo_writes=[("set_shared", "id-alice", False)],
        seen=lambda tenant: [one.kind for one in tenant.mail.appearance_of.values() if one.kind != "regular"],
        upsets=a_room,
    )


@pytest.mark.parametrize(("size", "asked"), [(49 * GIB - 1, ""), (49 * GIB, "49 GiB"), (None, "not known")])
async def test_a_person_is_asked_where_it_needs_a_licence_all_the_same(size: int | None, asked: str):
    tenant = FakeTenant()
    params = prepare(tenant)
    await set_to(tenant, size=size)
    task = MakeShared()
    reasons = await task.guard(tenant.context(task), MakeShared.Params.model_validate(params))
    assert bool(reasons) is bool(asked)
    assert asked in "".join(reasons)


async def test_a_room_is_left_as_it_is():
    tenant = FakeTenant()
    params = prepare(tenant)
    await set_to(tenant, kind="other")
    with pytest.raises(StepError):
        await drive(tenant, MakeShared(), params)
    assert tenant.writes == []
