"""Waiting on vendors: deadlines, retries of reads that failed for a passing reason, looking until an effect shows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenantry.errors import CannotCheck, InDoubt, ProviderError, TenantryError, Throttled, TimedOut
from tenantry.run.policy import Policy

T = TypeVar("T")


class Patience:
    """How the engine waits, by its policy. Nothing here ever repeats a write."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def timed(self, call: Awaitable[T], seconds: float) -> T:
        """Raises TimedOut when there is no answer in time; the call is cancelled."""
        try:
            async with asyncio.timeout(seconds):
                return await call
        except TimeoutError as error:
            raise TimedOut(f"no answer within {seconds:g} s") from error

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a read that failed for a passing reason."""
        for attempt in range(1, self._policy.read_attempts + 1):
            try:
                return await call()
            except (ProviderError, TimedOut) as error:
                if attempt == self._policy.read_attempts or not (error.retryable or isinstance(error, TimedOut)):
                    raise
                await self.pause(attempt, error)
        raise AssertionError("unreachable")

    async def pause(self, attempt: int, error: TenantryError) -> None:
        """Before the next attempt: as long as the vendor asks, or a growing while with jitter."""
        asked = error.retry_after if isinstance(error, Throttled) else None
        pause = min(self._policy.backoff * 2 ** (attempt - 1), self._policy.backoff_cap)
        await asyncio.sleep(asked if asked is not None else pause * random.uniform(0.8, 1.2))  # noqa: S311  # jitter

    async def until(self, look: Callable[[], Awaitable[bool]], patience: float, timeout: float) -> bool:
        """Look until it is so, or patience is over. A look that fails for a passing reason is no answer.

        Raises:
            CannotCheck: no look ever succeeded.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        pause = self._policy.poll
        answered, last = False, None
        while True:
            try:
                if await self.timed(look(), timeout):
                    return True
                answered = True
            except (ProviderError, TimedOut) as error:
                if not (error.retryable or isinstance(error, (TimedOut, InDoubt))):
                    raise CannotCheck(f"the effect could not be verified: {error.message}") from error
                last = error
            if loop.time() + pause > end:
                break
            await asyncio.sleep(pause)
            pause = min(pause * 1.6, self._policy.poll_cap)
        if not answered and last is not None:
            raise CannotCheck(f"the effect could not be verified: {last.message}") from last
        return False
