"""Waiting on vendors: deadlines, retries of reads that failed for a passing reason, looking until an effect shows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenantry import waits
from tenantry.errors import CannotCheck, InDoubt, ProviderError, TenantryError, Throttled, TimedOut
from tenantry.run.policy import Policy

T = TypeVar("T")


class Patience:
    """How the engine waits, by its policy. Nothing here ever repeats a write."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def timed(self, call: Awaitable[T], seconds: float) -> T:
        """Raises TimedOut when there is no answer in time; the call is cancelled. What a vendor has it wait does not count,
        unless an effect's own deadline ends it."""
        try:
            async with asyncio.timeout(seconds) as limit:
                with waits.stretched(limit):
                    return await call
        except TimeoutError as error:
            raise TimedOut(f"no answer within {seconds:g} s") from error

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a read that failed for a passing reason."""
        attempt, began = 1, asyncio.get_running_loop().time()
        while True:
            try:
                return await call()
            except (ProviderError, TimedOut) as error:
                if isinstance(error, Throttled) and await self.waited_out(error, began):
                    continue
                passing = error.retryable or isinstance(error, TimedOut)
                if attempt >= self._policy.read_attempts or not passing:
                    raise
                await self.pause(attempt, error)
                attempt += 1

    async def waited_out(self, error: Throttled, began: float) -> bool:
        """Wait as long as a throttling vendor asks. Being slowed is no failure: it uses up no attempt.

        Args:
            began: when the call was made first, by the loop's clock.

        Returns:
            False, at once, when that would be longer than the policy's patience with throttling.
        """
        loop = asyncio.get_running_loop()
        pause = error.retry_after
        if pause is None:
            spent = loop.time() - began
            pause = max(self._policy.backoff, min(spent, self._policy.backoff_cap))  # doubles the time spent
        if loop.time() + pause > began + self._policy.throttle_patience:
            return False
        waits.asked(str(error.detail.get("vendor", "the vendor")), "the step's next try", pause)
        await asyncio.sleep(pause * random.uniform(1.0, 1.1))  # noqa: S311  # jitter
        return True

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
        started = loop.time()
        end = started + patience
        pause = self._policy.poll
        answered, last = False, None
        while True:
            try:
                if await self.timed(look(), timeout):
                    return True
                answered = True
            except (ProviderError, TimedOut) as error:
                if isinstance(error, Throttled):
                    began = loop.time()
                    if await self.waited_out(error, started):
                        end += loop.time() - began
                        continue
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
