"""Acting first: a run that an alert began is carried at once, and Prefect hears of it meanwhile.

The record knows the run before anything is done, and decides what is; so nothing waits for Prefect's server, which takes a tenth of a
second to make a flow run and several when many come together. Nor is it told before the first effect has been made, of this run and of
others that are about to make theirs, or `HEAD` and `HEADS` seconds are over: making a flow run, and beginning to carry it, take the
processor from what an attacker is shut out by; and a run that has made its first effect leaves the processor to those that have not.
When the flow run is there, it takes over what was begun: it shows the steps that have ended, with their times, and then the others as
they end. A crash in between leaves a run without a flow run, which the keeper takes up as any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

from flows.assembly import Installation, TenantContext
from flows.graph import PrefectSteps
from tenantry.errors import TenantryError
from tenantry.run import Engine, RunState, StepCall, StepReport
from tenantry.task import Task

__all__ = ["ACTING", "HEAD", "HEADS", "Acting", "Head", "Heads"]

HEAD: Final = 1.0
"""Seconds that a run has to itself, at most, before Prefect is told of it."""
HEADS: Final = 5.0
"""Seconds that others have besides, which are about to make their first effect: in a storm they come first."""
_BEHIND: Final = 5
"""By how much less the processor is a run's (nice(2)) that has made its first effect than one's that has not."""

ACTING: ContextVar[Acting | None] = ContextVar("flows.acting.ACTING", default=None)
"""What this process began before it had a flow run."""
_Ended = tuple[StepCall, datetime, datetime, StepReport]
_OVER: Final = None


class Heads:
    """Runs that alerts began and that have not made their first effect yet, of one worker."""

    def __init__(self) -> None:
        self._left = 0
        self._none = asyncio.Event()
        self._none.set()

    def begin(self) -> Head:
        """One more."""
        self._left += 1
        self._none.clear()
        return Head(self._end)

    def _end(self) -> None:
        self._left -= 1
        if not self._left:
            self._none.set()

    async def none_left(self, patience: float) -> None:
        """Returns when there is none, after ``patience`` seconds at the latest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._none.wait()


class Head:
    """The time until one run's first effect."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end: Callable[[], None] | None = end

    def over(self) -> None:
        """It has been made, or there is none to wait for. May be called again."""
        end, self._end = self._end, None
        if end is not None:
            end()


class Acting:
    """One run: got ready for while it is recorded, then carried.

    Args:
        run_id: it is about to stand in the record.
        tenant: whose it is.
        mode: as recorded.
        needs: capabilities that its first steps need: opened, and signed in to, beside what is recorded before them.
        acted: called once, when the first effect has been made, or nothing more can be done.
    """

    def __init__(
        self,
        installation: Installation,
        run_id: str,
        tenant: str,
        mode: str,
        needs: Collection[str],
        acted: Callable[[], None],
    ) -> None:
        self.run_id = run_id
        self._needs = needs
        self._installation = installation
        self._tenant = tenant
        self._mode = mode
        self._acted: Callable[[], None] | None = acted
        self._ended: asyncio.Queue[_Ended | None] = asyncio.Queue()
        self._recorded = asyncio.Event()
        self._work = asyncio.create_task(self._carry())

    def begin(self) -> None:
        """The record has the run: carry it."""
        self._recorded.set()

    async def _carry(self) -> None:
        try:
            async with self._installation.access(self._tenant, self._mode) as access:
                ahead = asyncio.create_task(self._ahead(access))
                try:
                    engine = Engine(self._installation.surroundings(), access)
                    await self._recorded.wait()
                    await engine.run(self.run_id, call=self._step)
                finally:
                    ahead.cancel()
                    await asyncio.gather(ahead, return_exceptions=True)
        finally:
            self._say_acted()
            self._ended.put_nowait(_OVER)

    async def _ahead(self, access: TenantContext) -> None:
        """What the run's first entries and its first step ask for, beside what comes before them."""

        async def key() -> None:
            with contextlib.suppress(TenantryError):  # met by who asks for it
                await asyncio.to_thread(self._installation.journal.know, self._tenant)

        await asyncio.gather(key(), access.ahead(self._needs))

    def _say_acted(self) -> None:
        acted, self._acted = self._acted, None
        if acted is not None:
            os.nice(_BEHIND)
            acted()

    async def _step(self, call: StepCall, body: Callable[[], Awaitable[StepReport]]) -> StepReport:
        began = datetime.now(UTC)
        report = await body()
        self._ended.put_nowait((call, began, datetime.now(UTC), report))
        if isinstance(call.task, Task):
            self._say_acted()
        return report

    async def end(self) -> None:
        """Carry it to where it goes without Prefect. Raises what the engine does."""
        await self._work

    async def joined(self) -> RunState:
        """In the flow run: show what was done and is being done, until nothing more can be. Raises what the engine does."""
        steps = PrefectSteps()
        while (one := await self._ended.get()) is not _OVER:
            await steps.tell(*one)
        await self._work
        return await asyncio.to_thread(self._installation.state, self.run_id)

    @contextlib.asynccontextmanager
    async def stopping(self) -> AsyncIterator[None]:
        """It ends with the block, whatever happens in it."""
        try:
            yield
        finally:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
