"""One walk over a long list for all who walk it at the same time: each page is asked for once.

Several readers of a sweep want the same list. Whoever comes while nothing of it was forgotten yet reads along; a few pages are held, so that a
list of any length takes the same memory, and the quickest waits for the slowest, but not for ever.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final, Generic, TypeVar

from tenantry.errors import VendorFault

__all__ = ["PageLost", "SharedWalk"]

T = TypeVar("T")
_HELD: Final = 2
_PATIENCE_S: Final = 180.0
"""So long the quickest waits for the slowest."""
_FRESH_S: Final = 1.0
"""So long after its end a walk is shown to who comes late; whoever asks again to see what has changed comes later."""


class PageLost(VendorFault):
    """A page after the first cannot be had any more; the list has to be begun anew."""


class SharedWalk(Generic[T]):
    """Walks over a list whose pages several readers want.

    Args:
        pages: begins a walk; it is closed when its last reader has left.
        patience: seconds for which the quickest waits for the slowest.
    """

    def __init__(self, pages: Callable[[], AsyncGenerator[list[T], None]], *, patience: float = _PATIENCE_S) -> None:
        self._begin = pages
        self._patience = patience
        self._walk: _Walk[T] | None = None

    async def pages(self) -> AsyncIterator[list[T]]:
        """Every page from the first on.

        Raises:
            PageLost: the walk broke off under another reader, or went on without this one, which was too slow.
            ProviderError: what the list's own page was refused with.
        """
        walk = self._walk
        if walk is None or not walk.joinable:
            walk = self._walk = _Walk(self._begin(), self._patience)
        async for page in walk.read():
            yield page


class _Walk(Generic[T]):
    def __init__(self, pages: AsyncGenerator[list[T], None], patience: float) -> None:
        self._pages = pages
        self._patience = patience
        self._held: deque[list[T]] = deque()
        self._first = 0
        """Number of the first page that is held."""
        self._at: dict[object, int] = {}
        """Reader → number of the page that it takes next."""
        self._ended = self._broken = False
        self._turn = asyncio.Lock()
        self._moved = asyncio.Event()
        self._ended_at = math.inf

    @property
    def joinable(self) -> bool:
        """Whether a reader that comes now sees everything from the first page on."""
        return not self._broken and self._first == 0 and time.monotonic() - self._ended_at < _FRESH_S

    async def read(self) -> AsyncIterator[list[T]]:
        me = object()
        self._at[me] = 0
        try:
            while (page := await self._page(self._at[me])) is not None:
                self._at[me] += 1
                self._moved.set()
                yield page
        finally:
            del self._at[me]
            self._moved.set()
            if not self._at and not self._ended:
                self._broken = True  # nobody goes on with it: who comes later begins anew
                await self._pages.aclose()

    async def _page(self, number: int) -> list[T] | None:
        if number >= self._first + len(self._held):
            async with self._turn:
                behind = number < self._first + len(self._held)  # another asked for it meanwhile
                if not behind and (self._ended or not await self._next()):
                    return None
        if number < self._first:
            raise PageLost("a list went on without a reader that was too slow for it")
        return self._held[number - self._first]

    async def _next(self) -> bool:
        """Ask for one more page; False: there is none."""
        if self._broken:
            raise PageLost("a list broke off under another reader")
        await self._room()
        try:
            page = await anext(self._pages, None)
        except BaseException:
            # Also when its reader was cancelled: a walk that ends early must never look like one that came to its end.
            self._broken = True
            raise
        if page is None:
            self._ended, self._ended_at = True, time.monotonic()
            return False
        self._held.append(page)
        while len(self._held) > _HELD:
            self._held.popleft()
            self._first += 1
        return True

    async def _room(self) -> None:
        """Wait until the slowest reader has taken the page that would be forgotten, or for as long as there is patience."""
        until = time.monotonic() + self._patience
        while len(self._held) >= _HELD and min(self._at.values()) <= self._first:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), until - time.monotonic())
            except TimeoutError:
                return
