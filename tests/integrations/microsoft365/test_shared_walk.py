from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from integrations.microsoft365.shared_walk import PageLost, SharedWalk
from tenantry.errors import VendorFault


class Vendor:
    """A list of so many pages, of which one may fail; counts what is asked."""

    def __init__(self, pages: int, fails: int | None = None) -> None:
        self.count, self.fails = pages, fails
        self.asked: list[int] = []
        self.go = asyncio.Event()
        self.go.set()
        self.closed = 0

    async def pages(self) -> AsyncGenerator[list[int], None]:
        try:
            for number in range(self.count):
                self.asked.append(number)
                await self.go.wait()
                if number == self.fails:
                    self.fails = None
                    raise VendorFault("no answer", vendor="test")
                yield [number * 2, number * 2 + 1]
        finally:
            self.closed += 1


async def _all(pages: AsyncIterator[list[int]]) -> list[int]:
    found: list[int] = []
    async for page in pages:
        found += page
        await asyncio.sleep(0)
    return found


async def test_each_page_is_asked_for_once_for_all_who_read_at_the_same_time() -> None:
    vendor = Vendor(20)
    walk = SharedWalk(vendor.pages)
    found = await asyncio.gather(*(_all(walk.pages()) for _ in range(3)))
    assert found == [list(range(40))] * 3
    assert vendor.asked == list(range(20))
    assert vendor.closed == 1


async def test_one_who_comes_late_sees_everything() -> None:
    vendor = Vendor(9)
    walk = SharedWalk(vendor.pages)
    early = walk.pages()
    for _ in range(5):  # farther than is held: nobody else was reading
        await anext(early)
    assert await _all(walk.pages()) == list(range(18))
    assert await _all(early) == list(range(10, 18))


async def test_the_quick_one_waits_for_the_slow_one_and_holds_few_pages() -> None:
    vendor = Vendor(30)
    walk = SharedWalk(vendor.pages)
    slow = walk.pages()
    first = await anext(slow)
    quick = asyncio.create_task(_all(walk.pages()))
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(vendor.asked) <= 5
    assert first + await _all(slow) == list(range(60)) == await quick
    assert vendor.asked == list(range(30))


async def test_one_that_is_far_too_slow_is_told_that_it_missed_something() -> None:
    vendor = Vendor(10)
    walk = SharedWalk(vendor.pages, patience=0)
    slow = walk.pages()
    await anext(slow)
    assert await _all(walk.pages()) == list(range(20))
    with pytest.raises(PageLost):
        await _all(slow)


async def test_a_walk_that_broke_off_never_looks_like_one_that_ended() -> None:
    vendor = Vendor(6, fails=3)
    walk = SharedWalk(vendor.pages)
    found = await asyncio.gather(*(_all(walk.pages()) for _ in range(2)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["PageLost", "VendorFault"]
    assert await _all(walk.pages()) == list(range(12))


async def test_a_reader_that_is_cancelled_while_it_asks_ends_the_walk_for_nobody_in_silence() -> None:
    vendor = Vendor(4)
    vendor.go.clear()
    walk = SharedWalk(vendor.pages)
    asking = asyncio.create_task(_all(walk.pages()))
    await asyncio.sleep(0)
    other = asyncio.create_task(_all(walk.pages()))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(PageLost):
        await other
    vendor.go.set()
    assert await _all(walk.pages()) == list(range(8))


async def test_a_reader_that_leaves_is_not_waited_for() -> None:
    vendor = Vendor(8)
    walk = SharedWalk(vendor.pages)
    leaving = walk.pages()
    await anext(leaving)
    staying = asyncio.create_task(_all(walk.pages()))
    await asyncio.sleep(0)
    await leaving.aclose()  # type: ignore[attr-defined]  # an asynchronous generator
    assert await staying == list(range(16))


async def test_what_was_read_a_while_ago_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.microsoft365.shared_walk._FRESH_S", 0.0)
    vendor = Vendor(2)
    walk = SharedWalk(vendor.pages)
    await _all(walk.pages())
    await _all(walk.pages())
    assert vendor.asked == [0, 1, 0, 1]
