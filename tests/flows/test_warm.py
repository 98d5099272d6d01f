"""How many children are made, and when."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from flows.warm import Warm, WarmChild


async def soon(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  # what is looked at sets no event
            await asyncio.sleep(0)


class Ordered(Warm):
    """Children that are there when the test says so, over real sockets and from no zygote."""

    def __init__(self, size: int) -> None:
        super().__init__(size, {}, Path("/dev/null"))
        self.made: list[socket.socket] = []

    def _order(self) -> bool:
        ours, theirs = socket.socketpair()
        self.made.append(theirs)
        adopting = asyncio.create_task(self._adopt(ours))
        self._adopting.add(adopting)
        adopting.add_done_callback(self._adopted)
        return True

    async def ready(self, child: int) -> None:
        before = len(self._adopting)
        self.made[child].sendall(b'{"ready": %d}\n' % (1_000 + child))
        await soon(lambda: len(self._adopting) < before or self._waiting > 0)

    def end(self) -> None:
        for one in self.made:
            one.close()


def has(warm: Ordered, child: int) -> bool:
    return len(warm.made) > child


async def test_those_who_wait_together_have_several_made_at_once() -> None:
    warm = Ordered(3)
    taking = [asyncio.create_task(warm.take()) for _ in range(6)]
    await asyncio.sleep(0)
    assert len(warm.made) == 4, "a few at a time"
    for child in range(6):
        await soon(partial(has, warm, child))
        await warm.ready(child)
    taken: list[WarmChild] = await asyncio.gather(*taking)
    assert len({one.pid for one in taken}) == 6, "each its own"
    warm.end()


async def test_one_that_is_taken_has_none_made_in_its_way_while_others_wait() -> None:
    warm = Ordered(2)
    warm._fill()
    assert len(warm.made) == 2
    for child in range(2):
        await warm.ready(child)
    first = await warm.take()
    assert len(warm.made) == 2, "later"
    second = await warm.take()
    assert len(warm.made) == 3, "none would be left for the next alert"
    assert first.pid != second.pid
    warm.end()
