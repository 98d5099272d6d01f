"""Warm children: processes that have imported everything and wait, each for one run.

A zygote (`flows.zygote`) forks them. Each has a channel of its own to this process; when this process ends, however it ends,
the channels close and the children end with it. A zygote that dies is started again; the children it left go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_LOG: Final = logging.getLogger(__name__)
START_TIMEOUT: Final = 120.0
"""Seconds for the zygote's imports; machines are slow."""
_AGAIN: Final = 2.0
"""Seconds between two attempts to start a zygote that does not come up."""
_EXIT_CODE: Final = 2.0
"""Seconds to wait for the word how a child ended, after it has."""
_LATER: Final = 2.0
"""Seconds after a child was taken that its successor is made, as long as others wait."""
_MADE_AT_ONCE: Final = 4
"""Children that are made at the same time when several runs wait for one: each waits for Prefect's server half of the time that it takes."""
GRACE: Final = 30.0
"""Seconds between asking a child to end and ending it."""


class WarmChild:
    """One process: idle until it is given its run."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.pid = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.acted = asyncio.Event()
        """Its run has made its first effect, or can go no further, or it has ended (`flows.acting`)."""
        self.done = asyncio.Event()
        """It has done its run, or ended."""
        self.gone = asyncio.Event()
        self.reported: int | None = None
        """The exit code that it announced; None when it died first."""
        self.listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                said = json.loads(line)
                if "ready" in said:
                    self.pid = int(said["ready"])
                    if not self.ready.done():
                        self.ready.set_result(None)
                elif "acted" in said:
                    self.acted.set()
                elif "done" in said:
                    self.reported = int(said["done"])
                    self.done.set()
        except (OSError, ValueError):
            pass  # it died in the middle of a line
        finally:
            self.acted.set()
            self.done.set()
            self.gone.set()
            self.ready.cancel()
            self._writer.close()

    async def give(self, job: Mapping[str, Any]) -> bool:
        """Hand it its run. False when it is dead, and the run is nobody's yet."""
        try:
            self._writer.write(json.dumps(job).encode() + b"\n")
            await self._writer.drain()
        except OSError:
            return False
        return not self.gone.is_set()

    def dismiss(self) -> None:
        """Let an idle child go."""
        self._writer.close()

    async def end(self, grace: float = GRACE) -> None:
        """Ask it to end, and end it after the grace."""
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _EXIT_CODE)):
            if self.gone.is_set() or not self.pid:
                break
            if number == signal.SIGKILL:
                _LOG.warning("process %d did not end within %g s of being asked to; it is ended", self.pid, grace)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gone.wait(), patience)


class Warm:
    """Keeps ``size`` children waiting.

    Args:
        size: how many.
        environment: theirs.
        log: file that takes what they print.
    """

    def __init__(self, size: int, environment: Mapping[str, str], log: Path) -> None:
        self._size = size
        self._environment = dict(environment)
        self._log = log
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._idle: deque[WarmChild] = deque()
        self._adopting: set[asyncio.Task[None]] = set()
        self._wanted = asyncio.Event()
        self._waiting = 0
        self._codes: dict[int, int] = {}
        self._told = asyncio.Condition()
        self._stopping = False

    async def start(self) -> None:
        """Begin; children are there a few seconds later."""
        self._keeping = asyncio.create_task(self._keep())

    async def take(self) -> WarmChild:
        """The next child, as soon as one is ready. Another one is made in its place."""
        while True:
            if self._idle:
                child = self._idle.popleft()
                # Not now: making one takes the processor from the run that is about to begin.
                asyncio.get_running_loop().call_later(_LATER, self._fill)
                if not self._idle and not self._adopting:
                    self._order()
                if not child.gone.is_set():
                    return child
                continue
            self._wanted.clear()
            self._waiting += 1
            try:
                self._hurry()
                await self._wanted.wait()
            finally:
                self._waiting -= 1

    async def exit_code(self, child: WarmChild) -> int | None:
        """How a child that has ended did: its code, or minus the signal that killed it; None when nobody can say."""
        try:
            async with asyncio.timeout(_EXIT_CODE), self._told:
                await self._told.wait_for(lambda: child.pid in self._codes)
        except TimeoutError:
            return child.reported
        return self._codes.pop(child.pid)

    def renew(self) -> None:
        """Begin anew with what is on the disk now: idle children go, and so does the zygote that they came from."""
        while self._idle:
            self._idle.popleft().dismiss()
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)

    async def stop(self) -> None:
        """End the zygote and the idle children. Those that carry a run are the caller's."""
        self._stopping = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._end_zygote()
        while self._idle:
            child = self._idle.popleft()
            child.dismiss()

    # --- the zygote ---------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            try:
                await self._serve()
                _LOG.warning("the process that runs are forked from has ended; it is started again")
            except Exception:  # noqa: BLE001  # whatever it is: without that process no run begins
                _LOG.exception("the process that runs are forked from did not start")
            finally:
                self._end_zygote()
            await asyncio.sleep(0 if self._stopping else _AGAIN if not self._idle else 0.1)

    async def _serve(self) -> None:
        """Start a zygote, fill up, and read what it says until it ends."""
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("ab") as out:
            self._zygote = subprocess.Popen(  # noqa: ASYNC220  # our own interpreter and module; takes no time
                [sys.executable, "-m", "flows.zygote"],
                stdin=theirs.fileno(),
                stdout=out,
                stderr=out,
                env=self._environment,
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            async with asyncio.timeout(START_TIMEOUT):
                if not await reader.readline():
                    raise ConnectionError("it ended")
            self._control = ours
            self._fill()
            while line := await reader.readline():
                said = json.loads(line)
                async with self._told:
                    self._codes[int(said["pid"])] = int(said["code"])
                    while len(self._codes) > 1000:
                        del self._codes[next(iter(self._codes))]
                    self._told.notify_all()
        finally:
            self._control = None
            writer.close()

    def _fill(self) -> None:
        """Have as many made as are to wait."""
        while len(self._idle) + len(self._adopting) < self._size and self._order():
            pass

    def _hurry(self) -> None:
        """Have one made for each run that waits for one, a few at a time."""
        while len(self._adopting) < min(self._waiting, _MADE_AT_ONCE) and self._order():
            pass

    def _order(self) -> bool:
        """Have one more child made. False: not now."""
        if self._control is None or self._stopping:
            return False  # made when there is a zygote again
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [b"F"], [theirs.fileno()])
        except OSError:
            ours.close()
            return False
        finally:
            theirs.close()
        adopting = asyncio.create_task(self._adopt(ours))
        self._adopting.add(adopting)  # the loop itself keeps no task alive
        adopting.add_done_callback(self._adopted)
        return True

    def _adopted(self, adopting: asyncio.Task[None]) -> None:
        self._adopting.discard(adopting)
        self._hurry()

    async def _adopt(self, ours: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=ours)
        child = WarmChild(reader, writer)
        try:
            await child.ready
        except asyncio.CancelledError:
            return  # it died at once
        self._idle.append(child)
        self._wanted.set()

    def _end_zygote(self) -> None:
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.kill()  # it holds nothing: its children are ended by their channels
            zygote.wait()
