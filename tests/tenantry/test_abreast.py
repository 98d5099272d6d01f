from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tenantry.abreast import abreast


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_answers_come_in_order_and_no_more_are_open_than_allowed() -> None:
    open_, most = 0, 0

    async def ask(number: int) -> int:
        nonlocal open_, most
        open_ += 1
        most = max(most, open_)
        for _ in range(7 - number % 7):
            await asyncio.sleep(0)
        open_ -= 1
        return number

    assert [found async for found in abreast(numbers(50), ask, 5)] == list(range(50))
    assert 1 < most <= 5


async def test_the_first_error_ends_it_and_what_is_open() -> None:
    ended: list[int] = []

    async def ask(number: int) -> int:
        try:
            await asyncio.sleep(0 if number == 2 else 60)
        finally:
            ended.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match="2"):
        _ = [found async for found in abreast(after(numbers(5)), ask, 5)]
    assert sorted(ended) == [2, 3, 4]


async def after(things: AsyncIterator[int]) -> AsyncIterator[int]:
    async for number in things:
        if number >= 2:
            yield number
