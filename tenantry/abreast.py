"""Asking about many things at once, in order, without keeping them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

__all__ = ["abreast", "first_of"]

A = TypeVar("A")
B = TypeVar("B")


async def abreast(things: AsyncIterator[A], ask: Callable[[A], Awaitable[B]], width: int = 40) -> AsyncIterator[B]:
    """The answers, in the order of the things, while at most ``width`` questions are open. The first error ends it, and the open ones."""
    open_: deque[asyncio.Future[B]] = deque()
    try:
        async for thing in things:
            if len(open_) >= width:
                yield await open_.popleft()
            open_.append(asyncio.ensure_future(ask(thing)))
        while open_:
            yield await open_.popleft()
    finally:
        for left in open_:
            left.cancel()
        await asyncio.gather(*open_, return_exceptions=True)


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The innermost first error of a group: callers want the error, not the group."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
