"""A folder of this machine, or a share or disk mounted on it, as a place to hand over to."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tenantry.errors import CannotCheck, Conflict, DestinationFull, NotVerified, TargetNotFound
from tenantry.handover.place import Held

__all__ = ["FolderPlace"]

_PART: Final = 8 * 1024 * 1024
_PARTIAL: Final = "~~part"
"""No portable name ends so."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FolderPlace:
    """Implements :class:`tenantry.handover.place.Place`. A file of several parts grows beside its name and is renamed when it is whole.

    Args:
        root: the folder; made when it is not there.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._made: set[str] = set()

    @property
    def label(self) -> str:
        """The path."""
        return str(self._root)

    def part_bytes(self, size: int) -> int:  # noqa: ARG002  # the contract's: other places need it
        """8 MiB."""
        return _PART

    async def held(self, name: str, size: int, token: str) -> Held:  # noqa: ARG002  # as above
        """Of an unfinished file, the parts that are whole."""
        return await asyncio.to_thread(self._held, name)

    async def put(self, name: str, data: bytes) -> None:
        """Written beside its name, synced, renamed."""
        await asyncio.to_thread(self._put, name, data)

    async def begin(self, name: str) -> str:
        """An empty file beside the name."""
        await asyncio.to_thread(self._write, self._partial(name), 0, b"", os.O_TRUNC)
        return ""

    async def part(self, name: str, token: str, number: int, offset: int, data: bytes) -> None:  # noqa: ARG002  # as above
        """At its offset."""
        await asyncio.to_thread(self._write, self._partial(name), offset, data)

    async def finish(self, name: str, token: str) -> None:  # noqa: ARG002  # as above
        """Synced and renamed."""
        await asyncio.to_thread(self._finish, name)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """From the disk, as far as the system can be asked to forget what it has in memory."""
        descriptor = await asyncio.to_thread(self._open, name)
        try:
            offset = 0
            while piece := await asyncio.to_thread(os.pread, descriptor, 1024 * 1024, offset):
                offset += len(piece)
                yield piece
        except OSError as error:
            raise NotVerified(f"{name} cannot be read back from {self.label} ({error.strerror})") from error
        finally:
            os.close(descriptor)

    async def listing(self) -> AsyncIterator[tuple[str, int]]:
        """Regular files; everything else counts as a file of no size, since it does not belong there."""
        walk = self._walk()
        while found := await asyncio.to_thread(lambda: [one for one, _ in zip(walk, range(500), strict=False)]):
            for one in found:
                yield one

    # --- in threads ---------------------------------------------------------------------------------------------------

    def _held(self, name: str) -> Held:
        whole, partial = self._path(name), self._partial(name)
        found = _looked(whole)
        if found is not None:
            return Held(size=found.st_size if stat.S_ISREG(found.st_mode) else -1)
        found = _looked(partial)
        arrived = found.st_size // _PART if found is not None and stat.S_ISREG(found.st_mode) else 0
        return Held(parts=dict.fromkeys(range(arrived), _PART))

    def _put(self, name: str, data: bytes) -> None:
        self._write(self._partial(name), 0, data, os.O_TRUNC)
        self._finish(name)

    def _write(self, path: Path, offset: int, data: bytes, flags: int = 0) -> None:
        with self._mapped(path):
            folder = str(path.parent)
            if folder not in self._made:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._made.add(folder)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
            try:
                while data:
                    wrote = os.pwrite(descriptor, data, offset)
                    data, offset = data[wrote:], offset + wrote
            finally:
                os.close(descriptor)

    def _finish(self, name: str) -> None:
        path, partial = self._path(name), self._partial(name)
        with self._mapped(path):
            descriptor = os.open(partial, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if path.is_symlink() or path.is_dir():
                raise Conflict(f"{path} is not ours to replace")
            partial.replace(path)

    def _open(self, name: str) -> int:
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise TargetNotFound(f"{name} is not at {self.label}") from error
        except OSError as error:
            raise NotVerified(f"{name} cannot be read back from {self.label} ({error.strerror})") from error
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return descriptor

    def _walk(self) -> Iterator[tuple[str, int]]:
        if not self._root.exists():
            return
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = Path(folder, name)
                found = path.lstat()
                yield path.relative_to(self._root).as_posix(), found.st_size if stat.S_ISREG(found.st_mode) else 0

    def _path(self, name: str) -> Path:
        return self._root / name

    def _partial(self, name: str) -> Path:
        path = self._path(name)
        return path.with_name(f"{path.name}{_PARTIAL}")

    @contextmanager
    def _mapped(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise DestinationFull(f"{self.label} is full ({error.strerror})", at=path.name) from error
            raise CannotCheck(f"{path} cannot be written ({error.strerror})") from error


def _looked(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
