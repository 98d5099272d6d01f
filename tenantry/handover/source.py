"""What is handed over: files of a source, read piece by piece, and what of it cannot be handed over.

A piece is read from an opened file of which size and times are compared before and after, so that a file that somebody goes on
writing is found and not packed half old and half new.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from tenantry.errors import CannotCheck, SourceChanged
from tenantry.handover.naming import shown

__all__ = ["FolderSource", "Item", "LeftOut", "Source"]

_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Item:
    """One file.

    Attributes:
        parts: its path, components outermost first, as bytes: a name need not be text.
        size: bytes.
        stamp: changes when its content may have changed.
    """

    parts: tuple[bytes, ...]
    size: int
    stamp: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is no file: a link, a device, an empty folder. It is listed in the package with the reason."""

    parts: tuple[bytes, ...]
    why: str


@runtime_checkable
class Source(Protocol):
    """Files to hand over."""

    def items(self) -> AsyncIterator[Item | LeftOut]:
        """Everything, once, in no order. Raises CannotCheck where something could not be looked at: a package of what was readable would
        claim to be whole."""
        ...

    async def piece(self, item: Item, offset: int, length: int) -> bytes:
        """Bytes of a file, as many as asked for. Raises SourceChanged: it is not the file that was listed any more, or gone."""
        ...

    async def same(self, item: Item) -> bool:
        """Whether it is still the file that was listed."""
        ...


class FolderSource:
    """All files below a folder of this machine. Links are not followed: they lead out of what was to be handed over.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.fsencode(root)

    async def items(self) -> AsyncIterator[Item | LeftOut]:
        """Depth first. Memory grows with the depth and the largest folder, not with the number of files."""
        walk = _walk(self._root, ())

        def batch() -> list[Item | LeftOut]:
            return [one for one, _ in zip(walk, range(_BATCH), strict=False)]

        while found := await asyncio.to_thread(batch):
            for one in found:
                yield one

    async def piece(self, item: Item, offset: int, length: int) -> bytes:
        """Read in a thread."""
        return await asyncio.to_thread(self._piece, item, offset, length)

    async def same(self, item: Item) -> bool:
        """By size and times."""
        return await asyncio.to_thread(self._same, item)

    def _piece(self, item: Item, offset: int, length: int) -> bytes:
        try:
            descriptor = os.open(self._path(item), os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
        except OSError as error:
            raise SourceChanged(f"{shown(item.parts)} cannot be opened any more ({error.strerror})") from error
        try:
            if _stamp(os.fstat(descriptor)) != item.stamp:
                raise SourceChanged(f"{shown(item.parts)} was changed after it was listed")
            pieces, got = [], 0
            while got < length:
                more = os.pread(descriptor, length - got, offset + got)
                if not more:
                    break
                pieces.append(more)
                got += len(more)
            if got < length or _stamp(os.fstat(descriptor)) != item.stamp:
                raise SourceChanged(f"{shown(item.parts)} was changed while it was read")
        except OSError as error:
            raise CannotCheck(f"{shown(item.parts)} cannot be read ({error.strerror})") from error
        finally:
            os.close(descriptor)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _same(self, item: Item) -> bool:
        try:
            found = os.lstat(self._path(item))
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and _stamp(found) == item.stamp

    def _path(self, item: Item) -> bytes:
        return os.path.join(self._root, *item.parts)  # noqa: PTH118  # a Path cannot hold bytes


def _walk(folder: bytes, parts: tuple[bytes, ...]) -> Iterator[Item | LeftOut]:
    empty = True
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                empty = False
                here = (*parts, entry.name)
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    yield from _walk(entry.path, here)
                elif stat.S_ISREG(found.st_mode):
                    yield Item(here, found.st_size, _stamp(found))
                else:
                    yield LeftOut(here, "link" if stat.S_ISLNK(found.st_mode) else "no regular file")
    except OSError as error:
        raise CannotCheck(
            f"{shown(parts) or 'the folder'} cannot be listed ({error.strerror})",
            remedy="Make it readable, or hand over a folder without it; then resume.",
        ) from error
    if empty and parts:
        yield LeftOut(parts, "empty folder")


def _stamp(found: os.stat_result) -> str:
    """The inode's own time cannot be set back by whoever writes the file."""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"
