"""Whose turn it is: how many requests are under way at one tenant of one vendor, over all processes of this machine, and until when nobody
asks because the vendor said so.

Each tenant of a vendor has a small file. A request under way holds one of its byte locks, of open file descriptions (fcntl(2), "Open file
description locks"): the kernel gives it back when the process ends, however it ends, and waiting costs nothing to anybody else. The file's
content is a table of times: a vendor that throttled one run is left alone by the others too. Vendors throttle one kind of request and not
another (reports, not accounts), so there is a time for each kind, and containment does not wait for a report's quota.

What looks and has time (a sweep) takes its turns from the first half of the locks, so that whoever has to act at the same tenant finds one.

Taking and giving back a turn costs four system calls. A global concurrency limit of Prefect's would cost two calls of its API, 50 ms, and
a server that answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import random
import re
import struct
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from tenantry.background import has_time
from tenantry.errors import MachineExhausted

__all__ = ["Turns", "family", "held", "of_background", "shared_in", "turns"]

_TABLE: Final = 256
"""Kinds of requests that are told apart; two that share a place merely wait for each other."""
_LOCKS: Final = 1 << 20
"""Where the byte locks begin, beyond the table: a lock needs no bytes."""
_LONGEST: Final = 3_600.0
"""Seconds: a time further ahead is a clock that was set back, or damage."""
_LOOK: Final = 0.02
_FLOCK: Final = "hhqqi4x"  # struct flock on 64-bit Linux: type, whence, start, length, process id
_TIME: Final = "d"
_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_VERSION: Final = re.compile(r"v\d+(?:\.\d+)?|beta")

_folder: ContextVar[Path | None] = ContextVar("tenantry_turns", default=None)


@contextlib.contextmanager
def shared_in(folder: Path) -> Iterator[None]:
    """Clients that are opened within the block share their turns with other processes, through files in this folder."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def of_background(concurrency: int) -> int:
    """How many of so many turns those take at most who have time (`tenantry/background.py`)."""
    return max(1, concurrency // 2)


def family(path: str) -> str:
    """The kind of a request by its path: what follows the version, or the first segment. Never an id or a name of somebody."""
    segments = [segment for segment in path.split("/") if segment]
    for at, segment in enumerate(segments[:-1]):
        if _VERSION.fullmatch(segment):
            return segments[at + 1]
    return segments[0] if segments else ""


class Turns:
    """The turns of one tenant at one vendor, for one event loop and its threads.

    Args:
        concurrency: requests under way at once.
        file: where it is shared; None: within this process alone.
    """

    def __init__(self, concurrency: int, file: Path | None) -> None:
        self._concurrency = concurrency
        self._here = asyncio.Semaphore(concurrency)
        self._behind = asyncio.Semaphore(of_background(concurrency))
        self._file = file
        self._table: int | None = None
        self._opening = threading.Lock()
        self._spare: list[int] = []
        self._until: dict[int, float] = {}

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it.

        Raises:
            MachineExhausted: the file cannot be opened or locked. Without a turn nothing is sent.
        """
        async with self._behind if has_time() else contextlib.nullcontext(), self._here:
            if self._file is None:
                yield
                return
            with _on_this_machine():
                descriptor = self._descriptor()
            try:
                with _on_this_machine():
                    at = await self._locked(descriptor)
            except BaseException:
                os.close(descriptor)  # and with it whatever it holds
                raise
            try:
                yield
            finally:
                _lock(descriptor, fcntl.F_UNLCK, at)
                self._spare.append(descriptor)

    @contextlib.contextmanager
    def turn_in_thread(self, given_up: threading.Event) -> Iterator[None]:
        """`turn`, for a thread that waits itself. Within one process it is bounded by how many threads there are.

        Raises:
            MachineExhausted: as `turn`.
            asyncio.CancelledError: ``given_up`` was set while it waited.
        """
        if self._file is None:
            yield
            return
        with _on_this_machine():
            descriptor = self._descriptor()
        try:
            with _on_this_machine():
                at = self._first_free(descriptor)
                while at is None:
                    if given_up.wait(_LOOK * random.uniform(0.5, 1.0)):  # noqa: S311  # spreads, hides nothing
                        raise asyncio.CancelledError
                    at = self._first_free(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        try:
            yield
        finally:
            _lock(descriptor, fcntl.F_UNLCK, at)
            self._spare.append(descriptor)

    def hold(self, kind: str, seconds: float) -> None:
        """Let nobody ask for this kind for so long. Where it cannot be written down, this process alone keeps to it, and the vendor tells
        the others itself."""
        place, until = _place(kind), time.time() + min(seconds, _LONGEST)
        if self._file is None or not self._noted(place, until):
            self._until[place] = max(self._until.get(place, 0.0), until)

    def _noted(self, place: int, until: float) -> bool:
        try:
            table = self._open_table()
            if until > self._read(table, place):
                os.pwrite(table, struct.pack(_TIME, until), place * 8)
        except OSError:
            return False
        return True

    def left(self, kind: str) -> float:
        """Seconds for which nobody asks for this kind; 0 when anybody may."""
        place = _place(kind)
        shared = 0.0
        if self._file is not None:
            with contextlib.suppress(
                OSError
            ):  # what cannot be read is found out at the turn, which nobody takes without the file
                shared = self._read(self._open_table(), place)
        return max(_left(self._until.get(place, 0.0)), _left(shared))

    def _descriptor(self) -> int:
        try:
            return self._spare.pop()
        except IndexError:  # threads may take the last one from each other, so nobody asks first
            return self._opened()

    def _opened(self) -> int:
        file = self._file
        if file is None:
            raise ValueError("these turns are not shared")
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _open_table(self) -> int:
        with self._opening:
            if self._table is None:
                self._table = self._opened()
            return self._table

    @staticmethod
    def _read(table: int, place: int) -> float:
        raw = os.pread(table, 8, place * 8)
        return float(struct.unpack(_TIME, raw)[0]) if len(raw) == 8 else 0.0

    async def _locked(self, descriptor: int) -> int:
        pause = _LOOK / 4
        while True:
            at = self._first_free(descriptor)
            if at is not None:
                return at
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # as above
            pause = min(_LOOK, pause * 2)

    def _first_free(self, descriptor: int) -> int | None:
        count = of_background(self._concurrency) if has_time() else self._concurrency
        first = random.randrange(count)  # noqa: S311  # spreads, hides nothing
        for step in range(count):
            at = (first + step) % count
            if _lock(descriptor, fcntl.F_WRLCK, at):
                return at
        return None

    def __del__(self) -> None:
        for descriptor in (*self._spare, *([] if self._table is None else [self._table])):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@contextlib.contextmanager
def _on_this_machine() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MachineExhausted(
            "whose turn it is at the vendor cannot be looked up on this machine; nothing was sent",
            cause=type(error).__name__,
            errno=error.errno,
        ) from error


def _left(until: float) -> float:
    left = until - time.time()
    return left if 0 < left <= _LONGEST else 0.0


def _place(kind: str) -> int:
    return int.from_bytes(hashlib.blake2b(kind.encode(), digest_size=4).digest()) % _TABLE


def _lock(descriptor: int, kind: int, at: int) -> bool:
    """Set or give back the lock on one byte; False when somebody else holds it."""
    wanted = struct.pack(_FLOCK, kind, os.SEEK_SET, _LOCKS + at, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
    except BlockingIOError:
        return False
    return True


def held(folder: Path) -> dict[str, int]:
    """How many turns are taken now, by the file's name (vendor and tenant): what a person looks at."""
    found = {}
    for file in sorted(folder.glob("*.turns")):
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        try:
            found[file.stem] = _held(descriptor)
        finally:
            os.close(descriptor)
    return found


def _held(descriptor: int) -> int:
    """The kernel names any lock within a range, not the first one: what is on either side of it is looked at as well."""
    count, ranges = 0, [(_LOCKS, 0)]
    while ranges:
        at, size = ranges.pop()
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, at, size, 0)
        kind, _whence, start, length, _process = struct.unpack(
            _FLOCK, fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
        )
        if kind == fcntl.F_UNLCK:
            continue
        length = length or 1
        count += length
        after = start + length
        if start > at:
            ranges.append((at, start - at))
        if not size or after < at + size:
            ranges.append((after, at + size - after if size else 0))
    return count


_all: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.WeakValueDictionary[tuple[str, ...], Turns]]
_all = weakref.WeakKeyDictionary()


def turns(vendor: str, tenant: str, concurrency: int) -> Turns:
    """The turns of a tenant at a vendor: the same for every client of this event loop."""
    folder = _folder.get()
    mine = _all.setdefault(asyncio.get_running_loop(), weakref.WeakValueDictionary())
    key = (vendor, tenant, str(concurrency), str(folder or ""))
    found = mine.get(key)
    if found is None:
        name = tenant if _SAFE.fullmatch(tenant) else hashlib.sha256(tenant.encode()).hexdigest()[:32]
        found = mine[key] = Turns(concurrency, None if folder is None else folder / f"{vendor}.{name}.turns")
    return found
