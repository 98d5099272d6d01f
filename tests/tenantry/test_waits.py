from __future__ import annotations

import asyncio

import pytest

from tenantry import waits


async def test_what_a_vendor_asks_for_does_not_use_up_the_time():
    async with asyncio.timeout(0.05) as limit:
        with waits.stretched(limit):
            waits.asked("vendor", "it", 0.1)
            await asyncio.sleep(0.1)


async def test_everything_else_does():
    async def slow():
        async with asyncio.timeout(0.05) as limit:
            with waits.stretched(limit):
                await asyncio.sleep(0.2)

    with pytest.raises(TimeoutError):
        await slow()


async def test_waits_at_the_same_time_count_once():
    async def one() -> None:
        waits.asked("vendor", "it", 5.0)

    with waits.counted() as sum_:
        async with asyncio.timeout(1) as limit:
            before = limit.when()
            with waits.stretched(limit):
                await asyncio.gather(*(one() for _ in range(10)))
            assert before is not None
            assert limit.when() == pytest.approx(before + 5.0, abs=0.5)
    assert sum_.times == 10
    assert sum_.seconds == pytest.approx(5.0, abs=0.5)


def test_nobody_counts_outside():
    waits.asked("vendor", "it", 1.0)
    with waits.counted() as sum_:
        pass
    assert sum_.times == 0
