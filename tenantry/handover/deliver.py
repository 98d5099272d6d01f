"""Handing a package over: sent, read back and compared file by file, resumable in the middle of a large one.

::

    list ─▶ for each file: read + both digests ─▶ send ─▶ read back, compare ─▶ verified
         ─▶ is the source still what was listed? ─▶ manifests and tag files, the same way ─▶ does exactly this lie there?

- **What is sent again** after a kill is at most one part: parts of a large file go one after the other, and files on their way at the
  same moment are together no larger than one. What arrived is asked of the destination, never assumed.
- **A file that changed** is found when it is read (size and times before and after), when a large one is taken up again (its beginning
  is hashed again and compared with what was sent), and at the end, when the whole source is listed once more.
- **Constant memory**: three parts of a large file, the budget of one part for small ones, pages of the ledger.
- A file that cannot be handed over stops no other; but then the package is not sealed, and :class:`~tenantry.errors.NotDelivered` names each.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tenantry.abreast import first_of
from tenantry.errors import (
    Conflict,
    DestinationFull,
    InDoubt,
    NotDelivered,
    NotVerified,
    SourceChanged,
    StepError,
    TargetNotFound,
)
from tenantry.handover.bag import PAYLOAD, BagInfo, tag_files, tag_manifests
from tenantry.handover.ledger import Ledger, Row
from tenantry.handover.naming import shown
from tenantry.handover.place import Held, Place
from tenantry.handover.source import FolderSource, Item, LeftOut, Source

__all__ = ["Progress", "Receipt", "deliver"]

_ABREAST: Final = 8
_SMALL: Final = 64 * 1024
"""Bytes that are hashed faster than a thread is asked to."""
_NAMED: Final = 100

Progress = Callable[[int, int], None]
"""Told files and bytes that are verified, after each file."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A package that lies at its destination, every byte of it read back.

    Attributes:
        place: where, as people read it.
        manifest_sha256: of ``tagmanifest-sha256.txt``, which binds everything else: what the client accepts.
        sent: bytes of the payload that this attempt sent.
    """

    place: str
    files: int
    size: int
    manifest_sha256: str
    sent: int


async def deliver(
    source: Source, place: Place, folder: Path, info: BagInfo, *, progress: Progress | None = None
) -> Receipt:
    """Hand over, or go on with it.

    Args:
        folder: of this hand-over alone, on this machine: its ledger and its tag files. The same one resumes it.
        info: of the first attempt; of later ones it is not looked at.

    Raises:
        NotDelivered: names each file that changed, or does not lie there as it was read.
        Conflict: something lies at the destination that this hand-over did not put there.
        DestinationFull: names the file for which there was no room; resume.
        CannotCheck, ProviderError: stopped; resume.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    ledger = Ledger(folder / "ledger.db")
    try:
        return await _Delivery(source, place, ledger, folder, info, progress).run()
    finally:
        ledger.close()


@dataclass(frozen=True, slots=True)
class _Digests:
    sha256: bytes
    sha512: bytes


class _Delivery:
    def __init__(
        self, source: Source, place: Place, ledger: Ledger, folder: Path, info: BagInfo, progress: Progress | None
    ) -> None:
        self._source = source
        self._place = place
        self._ledger = ledger
        self._folder = folder
        self._info = info
        self._progress = progress
        self._resumed = False
        self._problems: list[str] = []
        self._failed = 0
        self._sent = 0
        self._done = [0, 0]

    async def run(self) -> Receipt:
        await self._list()
        await self._payload()
        await self._unchanged()
        self._stop_if_failed()
        tags = self._folder / "tags"
        tags.mkdir(exist_ok=True)
        info = BagInfo.restored(self._ledger.about("info") or self._info.kept())
        names = await asyncio.to_thread(tag_files, self._ledger, info, tags)
        names += await asyncio.to_thread(tag_manifests, tags, names)
        sizes = await self._tags(tags, names)
        await self._exactly(sizes)
        self._stop_if_failed()
        files, size = self._ledger.totals()
        digest = hashlib.sha256((tags / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
        self._ledger.remember("sealed", digest)
        return Receipt(self._place.label, files, size, digest, self._sent)

    # --- listing ------------------------------------------------------------------------------------------------------

    async def _list(self) -> None:
        if self._ledger.about("listed"):
            if self._ledger.about("place") != self._place.label:
                raise Conflict(f"this hand-over goes to {self._ledger.about('place')}, not to {self._place.label}")
            self._resumed = True
            return
        async for name, _ in self._place.listing():
            raise Conflict(
                f"{self._place.label} is not empty: {name[:200]} lies there",
                remedy="Name an empty folder or prefix: nothing of somebody else's is replaced or mixed in.",
            )
        self._ledger.forget_listing()
        batch: list[Item | LeftOut] = []
        async for one in self._source.items():
            batch.append(one)
            if len(batch) >= 500:
                await asyncio.to_thread(self._ledger.list, batch)
                batch = []
        await asyncio.to_thread(self._ledger.list, batch)
        self._ledger.remember("place", self._place.label)
        self._ledger.remember("info", self._info.kept())
        self._ledger.remember("listed", "yes")

    async def _unchanged(self) -> None:
        """The source once more: what was changed, came or went since it was listed."""
        known = 0
        async for one in self._source.items():
            if isinstance(one, LeftOut):
                continue
            if self._ledger.find(one):
                known += 1
            else:
                self._failed_one(f"{shown(one.parts)}: changed, or came, after the source was listed (source_changed)")
        if known == self._ledger.totals()[0]:
            return
        for row in self._ledger.rows():
            if not await self._source.same(row.item):
                self._failed_one(f"{shown(row.item.parts)}: changed, or gone, since it was listed (source_changed)")

    async def _exactly(self, tags: dict[str, int]) -> None:
        """Nothing else lies there, and nothing went away since it was read back."""
        found = 0
        async for name, size in self._place.listing():
            payload = name.startswith(PAYLOAD)
            wanted = self._ledger.size_of(name.removeprefix(PAYLOAD)) if payload else tags.get(name)
            if wanted != size:
                self._failed_one(f"{name[:200]}: does not belong to the package, or has another size there")
            else:
                found += 1
        missing = self._ledger.totals()[0] + len(tags) - found
        if missing > 0:
            self._failed_one(f"{missing} files are not at {self._place.label} any more")

    # --- files --------------------------------------------------------------------------------------------------------

    async def _payload(self) -> None:
        rows = self._ledger.rows(unverified=True)
        budget = _Budget()

        async def work() -> None:
            for row in rows:  # shared: each takes the next
                await self._file(row, budget)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_ABREAST):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None
        finally:
            self._ledger.flush()

    async def _file(self, row: Row, budget: _Budget) -> None:
        name = PAYLOAD + row.path
        part = self._place.part_bytes(row.item.size)
        try:
            async with budget.taking(min(row.item.size, part), part):
                with _named(shown(row.item.parts)):
                    if row.item.size <= part:
                        digests = await self._small(self._source, row.item, name)
                    else:
                        digests = await self._large(row, name, part)
        except StepError as error:
            if not isinstance(error, (SourceChanged, NotVerified)):
                raise
            self._failed_one(f"{shown(row.item.parts)}: {error.message} ({error.code})")
            return
        self._ledger.verified(row.number, digests.sha256, digests.sha512)
        self._done[0] += 1
        self._done[1] += row.item.size
        if self._progress is not None:
            self._progress(*self._done)

    async def _tags(self, folder: Path, names: list[str]) -> dict[str, int]:
        """Sent after everything that they speak of."""
        source = FolderSource(folder)
        wanted = {name.encode() for name in names}
        sizes: dict[str, int] = {}
        async for one in source.items():
            if isinstance(one, LeftOut) or one.parts[0] not in wanted:
                continue
            name = one.parts[0].decode()
            part = self._place.part_bytes(one.size)
            row = Row(-names.index(name) - 1, one, name, "", None, None)
            try:
                with _named(name):
                    if one.size <= part:
                        await self._small(source, one, name)
                    else:
                        await self._large(row, name, part, source)
            except (SourceChanged, NotVerified) as error:
                self._failed_one(f"{name}: {error.message} ({error.code})")
            sizes[name] = one.size
        return sizes

    async def _small(self, source: Source, item: Item, name: str) -> _Digests:
        data = await source.piece(item, 0, item.size)
        if len(data) <= _SMALL:
            digests = _Digests(hashlib.sha256(data).digest(), hashlib.sha512(data).digest())
        else:
            digests = await asyncio.to_thread(
                lambda: _Digests(hashlib.sha256(data).digest(), hashlib.sha512(data).digest())
            )
        if self._resumed and await self._lies_there(name, item.size, digests):
            return digests  # it arrived, and only the answer or our note of it did not
        with contextlib.suppress(InDoubt):  # what is read back says whether it arrived
            await self._place.put(name, data)
        self._sent += item.size if name.startswith(PAYLOAD) else 0
        await self._compare(name, item.size, digests)
        return digests

    async def _large(
        self, row: Row, name: str, part: int, source: Source | None = None, *, anew: bool = False
    ) -> _Digests:
        item = row.item
        there = Held() if anew else await self._place.held(name, item.size, row.token)
        whole = there.size == item.size
        token = there.token or row.token
        if not whole and not there.parts:
            token = await self._place.begin(name)
            self._ledger.upload(row.number, token)
        sha256, sha512 = hashlib.sha256(), hashlib.sha512()
        count = -(-item.size // part)
        reading: asyncio.Task[bytes] | None = None
        sending: asyncio.Task[None] | None = None

        def ahead(number: int) -> asyncio.Task[bytes] | None:
            if number >= count:
                return None
            length = min(part, item.size - number * part)
            return asyncio.create_task((source or self._source).piece(item, number * part, length))

        def hashed(data: bytes) -> None:
            sha256.update(data)
            sha512.update(data)

        try:
            reading = ahead(0)
            for number in range(count):
                data = await reading if reading is not None else b""
                reading = ahead(number + 1)
                await asyncio.to_thread(hashed, data)
                self._hold_against(row, number, sha256.digest())
                if sending is not None:
                    await sending
                    sending = None
                if not whole and there.parts.get(number) != len(data):
                    sending = asyncio.create_task(self._part(name, token, number, number * part, data))
            if sending is not None:
                await sending
                sending = None
        finally:
            for task in (reading, sending):
                if task is not None and not task.done():
                    task.cancel()
            await asyncio.gather(*(t for t in (reading, sending) if t is not None), return_exceptions=True)
        if not whole:
            with contextlib.suppress(InDoubt):  # what is read back says whether it is a file now
                await self._place.finish(name, token)
        digests = _Digests(sha256.digest(), sha512.digest())
        if whole and await self._reads(name, item.size) != digests.sha256:
            return await self._large(row, name, part, source, anew=True)  # an attempt before this one left it so
        if not whole:
            await self._compare(name, item.size, digests)
        return digests

    async def _part(self, name: str, token: str, number: int, offset: int, data: bytes) -> None:
        await self._place.part(name, token, number, offset, data)
        self._sent += len(data) if name.startswith(PAYLOAD) else 0

    def _hold_against(self, row: Row, number: int, digest: bytes) -> None:
        """What an earlier attempt sent must be what is read now, or the file would be half old and half new."""
        known = self._ledger.reached(row.number, number)
        if known is None:
            self._ledger.reach(row.number, number, digest)
        elif known != digest:
            raise SourceChanged(f"{shown(row.item.parts)} is not what was sent of it before")

    async def _lies_there(self, name: str, size: int, digests: _Digests) -> bool:
        held = await self._place.held(name, size, "")
        return held.size == size and await self._reads(name, size) == digests.sha256

    async def _reads(self, name: str, size: int) -> bytes | None:
        """SHA-256 of what lies there; None: nothing does, or its size is another."""
        digest, got = hashlib.sha256(), 0
        hashing: asyncio.Task[None] | None = None
        try:
            async for piece in self._place.read(name):
                got += len(piece)
                if got > size:
                    return None
                if hashing is not None:
                    await hashing
                    hashing = None
                if len(piece) <= _SMALL:
                    digest.update(piece)
                else:  # while the next one is read
                    hashing = asyncio.create_task(asyncio.to_thread(digest.update, piece))
        except TargetNotFound:
            return None
        finally:
            if hashing is not None:
                await hashing
        return digest.digest() if got == size else None

    async def _compare(self, name: str, size: int, digests: _Digests) -> None:
        if await self._reads(name, size) != digests.sha256:
            raise NotVerified(
                f"{name} does not read back from {self._place.label} as it was sent",
                remedy="Do not trust this destination before it is known why; then resume.",
            )

    # --- problems -----------------------------------------------------------------------------------------------------

    def _failed_one(self, line: str) -> None:
        self._failed += 1
        if len(self._problems) < _NAMED:
            self._problems.append(line)

    def _stop_if_failed(self) -> None:
        if self._failed:
            raise NotDelivered(
                f"{self._failed} problems at {self._place.label}; the first: {self._problems[0]}",
                problems=tuple(self._problems),
                failed=self._failed,
            )


@contextmanager
def _named(file: str) -> Iterator[None]:
    """A destination knows that it is full; which file that was is known here."""
    try:
        yield
    except DestinationFull as error:
        raise DestinationFull(f"{error.message}: no room for {file}", **{**error.detail, "file": file}) from error


class _Budget:
    """Bytes on their way at the same moment: all of them together are no more than one part."""

    def __init__(self) -> None:
        self._taken = 0
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def taking(self, size: int, limit: int) -> AsyncIterator[None]:
        async with self._freed:
            await self._freed.wait_for(lambda: self._taken == 0 or self._taken + size <= limit)
            self._taken += size
        try:
            yield
        finally:
            async with self._freed:
                self._taken -= size
                self._freed.notify_all()
