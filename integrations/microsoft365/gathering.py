"""Requests that begin at the same moment travel together, as one ``$batch`` (learn.microsoft.com/graph/json-batching).

A step over a hundred accounts asks the same of each, all at once. Sent one by one, that costs a hundred requests and most of
the time of the processor on both sides; together it costs five. Tasks know nothing of it: they call a capability for one
account, and :class:`Gathering` waits a few turns of the event loop, which take microseconds, for who else calls.

- A request without company is sent alone, as ever.
- The same read asked for by several is asked once.
- What a write's answer does not tell is in doubt for each of its items alone; a batch that got no answer leaves all of them so.
- An item that was throttled, or a read that failed, is told to its caller, who goes on alone.
- A batch has the earliest deadline of its items, and reads that have none never wait with those that have.
- What the vendor has a batch wait, all of its callers waited.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tenantry import deadline, waits
from tenantry.errors import TenantryError
from tenantry.waits import Waiting

__all__ = ["BATCH_SIZE", "BatchItem", "Gathering"]

BATCH_SIZE: Final = 20
"""The most that Graph takes in one batch."""
_TURNS: Final = 4
"""Turns of the event loop for which company is waited for: a check and the guard beside it start tasks of their own."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One request of a batch.

    Attributes:
        path: relative to the version, with its query, already quoted: ``/users/…?$select=id``.
        needs: the application permission it needs, for the error.
        method: HTTP method.
        json: body, for writes.
    """

    path: str
    needs: str
    method: str = "GET"
    json: Any = None


Result = dict[str, Any] | TenantryError
Post = Callable[[Sequence[BatchItem], bool], Awaitable[Sequence[Result]]]
"""Sends one batch, once, and gives each item's answer or error in the order of the items; the flag: these are writes."""


@dataclass(slots=True)
class _Caller:
    item: BatchItem
    left: float | None
    waiting: Waiting
    answer: asyncio.Future[Result | None]


class Gathering:
    """Brings together what is asked of one service at the same moment.

    Args:
        post: sends a batch.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._waiting: dict[tuple[bool, bool], list[_Caller]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def ask(self, item: BatchItem, *, write: bool) -> Result | None:
        """The item's answer or its error; None when it found no company, and its caller sends it alone.

        Raises:
            ProviderError: the batch was certainly not done.
            InDoubt: it was sent, these are writes, and no answer came.
        """
        loop = asyncio.get_running_loop()
        left = deadline.remaining()
        caller = _Caller(item, left, waits.here(), loop.create_future())
        kind = (write, left is not None)
        callers = self._waiting.get(kind)
        if callers is None:
            self._waiting[kind] = [caller]
            loop.call_soon(self._later, kind, _TURNS, context=contextvars.Context())
        else:
            callers.append(caller)
        return await caller.answer

    def _later(self, kind: tuple[bool, bool], turns: int) -> None:
        loop = asyncio.get_running_loop()
        if turns:
            loop.call_soon(self._later, kind, turns - 1)
            return
        groups: dict[str, list[_Caller]] = {}
        for number, caller in enumerate(self._waiting.pop(kind)):
            if not caller.answer.done():  # its caller may have given up meanwhile
                same = f"{number}" if kind[0] else caller.item.path
                groups.setdefault(same, []).append(caller)
        shared = list(groups.values())
        if len(shared) == 1:
            for caller in shared[0]:
                caller.answer.set_result(None)
            return
        for at in range(0, len(shared), BATCH_SIZE):
            task = loop.create_task(self._send(shared[at : at + BATCH_SIZE], write=kind[0]))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, groups: Sequence[list[_Caller]], *, write: bool) -> None:
        """One batch. Runs in a context of its own: the deadline of whoever came first is not everybody's."""
        callers = [caller for group in groups for caller in group]
        lefts = [caller.left for caller in callers if caller.left is not None]
        limit = deadline.effect(min(lefts)) if lefts else contextlib.nullcontext()
        try:
            with limit, waits.for_all(caller.waiting for caller in callers):
                results = await self._post([group[0].item for group in groups], write)
        except asyncio.CancelledError:
            for caller in callers:
                caller.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # every caller raises it: nobody waits for ever
            for caller in callers:
                if not caller.answer.done():
                    caller.answer.set_exception(error)
            return
        for group, result in zip(groups, results, strict=True):
            for caller in group:
                if not caller.answer.done():
                    caller.answer.set_result(result)
