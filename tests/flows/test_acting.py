"""Who comes first when several alerts begin runs at once."""

from __future__ import annotations

import asyncio

from flows.acting import Heads


async def test_prefect_is_told_when_nobody_is_about_to_make_a_first_effect() -> None:
    heads = Heads()
    await asyncio.wait_for(heads.none_left(60), 5)
    first, second = heads.begin(), heads.begin()
    telling = asyncio.create_task(heads.none_left(60))
    first.over()
    first.over()  # the same one again is no other one
    await asyncio.sleep(0.01)
    assert not telling.done()
    second.over()
    await asyncio.wait_for(telling, 5)


async def test_one_that_does_not_get_there_holds_up_nobody_for_long() -> None:
    heads = Heads()
    heads.begin()
    await asyncio.wait_for(heads.none_left(0.01), 5)
