"""Appending from the event loop: concurrent appends of one run share a transaction (group commit)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tenantry.journal.entry import Draft, Entry, Event, draft
from tenantry.journal.lease import Fence
from tenantry.journal.store import Journal


class Writer:
    """One run's appender. ``append`` returns once the entry is durable; order of calls is order in the record."""

    def __init__(self, journal: Journal, tenant: str, fence: Fence | None) -> None:
        self._journal = journal
        self._tenant = tenant
        self._fence = fence
        self._waiting: list[tuple[list[Draft], asyncio.Future[list[Entry]]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._committed = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def append(self, *events: Event) -> list[Entry]:
        """Raises InvalidInput, LeaseLost, JournalUnavailable: then none of the events is in the record."""
        drafts = [draft(event) for event in events]  # here, so that what cannot be recorded fails its own caller alone
        done: asyncio.Future[list[Entry]] = asyncio.get_running_loop().create_future()
        self._waiting.append((drafts, done))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return await done

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            flat = [one for drafts, _ in batch for one in drafts]
            try:
                entries = await loop.run_in_executor(self._thread, self._commit, flat)
            except Exception as error:  # noqa: BLE001  # handed to every caller of the batch, which raises it
                for _, done in batch:
                    if not done.done():  # else its caller was cancelled, and the others still want their answer
                        done.set_exception(error)
                continue
            by_draft = iter(entries)
            for drafts, done in batch:
                mine = [next(by_draft) for _ in drafts]
                if not done.done():
                    done.set_result(mine)

    def _commit(self, drafts: Sequence[Draft]) -> list[Entry]:
        entries = self._journal.append(self._tenant, drafts, fence=self._fence)
        self._committed += len(entries)
        return entries

    async def strangers(self, run_id: str) -> int:
        """How many entries of the run, which this one writes, are not from here. Counted between two of its own appends."""

        def count() -> int:
            return self._journal.count(run_id) - self._committed

        return await asyncio.get_running_loop().run_in_executor(self._thread, count)

    async def renew(self) -> None:
        """Keep the lease without recording anything. Raises LeaseLost."""
        if self._fence is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._journal.renew, self._fence)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._flusher is not None:
            await asyncio.wait([self._flusher])
        self._thread.shutdown(wait=True)
