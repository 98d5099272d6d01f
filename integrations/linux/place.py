"""An SFTP server as a place to hand over to, over a connection that recognised the host before it named an account to it.

A file is written under its own name, in order, so its size says how far it is (draft-ietf-secsh-filexfer-02, 6.4; OpenSSH's server carries out
requests one after the other). Nothing of it counts before all of it was read back.

Only one SFTP session is used, from one thread, since it is paramiko's to keep requests in flight: writes are pipelined, reads are asked for ahead.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

import paramiko

from integrations.linux.connection import Connection
from tenantry import deadline
from tenantry.errors import (
    Conflict,
    DestinationFull,
    InDoubt,
    PermissionMissing,
    Rejected,
    TargetNotFound,
    VendorFault,
)
from tenantry.handover.place import Held

__all__ = ["SftpPlace"]

T = TypeVar("T")

_PART: Final = 8 * 1024 * 1024
_PIECE: Final = 4 * 1024 * 1024
_CHUNK: Final = 32_768
"""What every server takes in one request (section 3 of the draft)."""
_ROOM: Final = 1024 * 1024
"""Bytes that a file system may keep for itself."""
_EXTENDED: Final = 200
_EXTENDED_REPLY: Final = 201


class SftpPlace:
    """Implements :class:`tenantry.handover.place.Place`. Close it with :meth:`aclose`.

    Args:
        connection: to the server; the caller closes it.
        root: a folder there, absolute; made when it is not there.
        timeout: seconds without any answer of the server.
    """

    def __init__(self, connection: Connection, root: str, *, timeout: float = 60.0) -> None:
        self._connection = connection
        self._root = root.rstrip("/")
        self._timeout = timeout
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sftp")
        self._client: Any = None
        self._made: set[str] = set()

    @property
    def label(self) -> str:
        """Account, host and folder."""
        target = self._connection.target
        return f"sftp://{target.account}@{target.address}:{target.port}{self._root}"

    def part_bytes(self, size: int) -> int:  # noqa: ARG002  # the contract's: other places need it
        """8 MiB."""
        return _PART

    async def held(self, name: str, size: int, token: str) -> Held:  # noqa: ARG002  # as above
        """By its size alone: whoever resumes reads it back."""
        found = await self._do(lambda sftp: self._size(sftp, name))
        if found is None:
            return Held()
        if found >= size:
            return Held(size=found)
        return Held(parts=dict.fromkeys(range(found // _PART), _PART))

    async def put(self, name: str, data: bytes) -> None:
        """Open, write, close."""
        await self._do(lambda sftp: self._write(sftp, name, 0, data, "w"), write=name)

    async def begin(self, name: str) -> str:
        """An empty file."""
        await self._do(lambda sftp: self._write(sftp, name, 0, b"", "w"), write=name)
        return ""

    async def part(self, name: str, token: str, number: int, offset: int, data: bytes) -> None:  # noqa: ARG002  # as above
        """At its offset."""
        await self._do(lambda sftp: self._write(sftp, name, offset, data, "r+"), write=name)

    async def finish(self, name: str, token: str) -> None:
        """Nothing to do: it is under its name already."""

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """Requests are sent ahead of what was read, a few MiB at a time."""
        offset = 0
        while True:
            piece, size = await self._do(partial(self._piece, name=name, offset=offset))
            if piece:
                yield piece
            offset += len(piece)
            if offset >= size or not piece:
                return

    async def listing(self) -> AsyncIterator[tuple[str, int]]:
        """Folder by folder; what is no regular file counts as one of no size."""
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                rows = await self._do(partial(self._rows, folder=folder))
            except TargetNotFound:
                continue
            for row in rows:
                name = f"{folder}{row.filename}"
                if stat.S_ISDIR(row.st_mode or 0):
                    folders.append(f"{name}/")
                else:
                    yield name, int(row.st_size or 0) if stat.S_ISREG(row.st_mode or 0) else 0

    async def aclose(self) -> None:
        """End the session."""
        client, self._client = self._client, None
        try:
            if client is not None:
                with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # its connection ended before
                    await asyncio.get_running_loop().run_in_executor(self._thread, client.close)
        finally:
            self._thread.shutdown(wait=False)

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _size(self, sftp: Any, name: str) -> int | None:
        try:
            found = sftp.lstat(self._path(name))
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            raise Conflict(f"{name} at {self.label} is no file of ours")
        return int(found.st_size)

    def _write(self, sftp: Any, name: str, offset: int, data: bytes, mode: str) -> None:
        path = self._path(name)
        self._folder(sftp, path.rpartition("/")[0])
        try:
            with sftp.open(path, mode) as file:
                file.seek(offset)
                for at in range(0, len(data), _CHUNK):
                    # The last one waits for the answers to all: closing does not, and would lose a refusal.
                    file.set_pipelined(at + _CHUNK < len(data))
                    file.write(data[at : at + _CHUNK])
        except (FileNotFoundError, PermissionError, EOFError, TimeoutError):
            raise
        except OSError as refusal:
            self._refused(sftp, path, len(data), refusal)

    def _refused(self, sftp: Any, path: str, size: int, refusal: OSError) -> None:
        """The protocol has one word for every failure of a disk: how much room there is, OpenSSH's server says if it is asked."""
        if refusal.errno is not None and not isinstance(refusal, paramiko.SFTPError):
            raise refusal  # of the connection's own
        try:
            # paramiko has no call for extensions (PROTOCOL of OpenSSH, 4.4: statvfs@openssh.com).
            kind, answer = sftp._request(_EXTENDED, "statvfs@openssh.com", path.rpartition("/")[0])
        except OSError as unknown:
            raise Rejected(f"{self.label} refuses the write and does not say why", vendor="linux") from unknown
        if kind != _EXTENDED_REPLY:
            raise Rejected(f"{self.label} refuses the write and does not say why", vendor="linux") from refusal
        _, fragment, _, _, available = (answer.get_int64() for _ in range(5))
        if fragment * available < size + _ROOM:
            raise DestinationFull(f"{self.label} is full", vendor="linux") from refusal
        raise Rejected(
            f"{self.label} refuses the write although there is room",
            remedy="Look for a quota or a read-only disk at the destination, then resume.",
            vendor="linux",
        ) from refusal

    def _piece(self, sftp: Any, name: str, offset: int) -> tuple[bytes, int]:
        with sftp.open(self._path(name), "r") as file:
            size = int(file.stat().st_size)
            length = max(0, min(_PIECE, size - offset))
            if length <= _CHUNK:
                file.seek(offset)
                return file.read(length), size
            wanted = [(at, min(_CHUNK, offset + length - at)) for at in range(offset, offset + length, _CHUNK)]
            return b"".join(file.readv(wanted)), size

    def _rows(self, sftp: Any, folder: str) -> list[Any]:
        return list(sftp.listdir_attr(f"{self._root}/{folder}".rstrip("/")))

    def _folder(self, sftp: Any, path: str) -> None:
        if path in self._made or not path:
            return
        try:
            sftp.stat(path)
        except FileNotFoundError:
            self._folder(sftp, path.rpartition("/")[0])
            try:
                sftp.mkdir(path)
            except PermissionError:
                raise
            except OSError:
                sftp.stat(path)  # somebody was faster
        self._made.add(path)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    async def _do(self, work: Callable[[Any], T], *, write: str = "") -> T:
        """In the place's thread. What only reads is tried again over another session where the first one broke."""
        for last in (False, False, True):
            try:
                return await self._once(work, write)
            except VendorFault:
                if last:
                    raise
        raise AssertionError("unreachable")

    async def _once(self, work: Callable[[Any], T], write: str) -> T:
        if self._client is None:
            self._client = await self._connection.session(self._timeout)
        client = self._client

        def inside() -> T:
            if write:
                deadline.check()
            with _mapped(self.label, write):
                return work(client)

        context = contextvars.copy_context()  # with the effect's deadline
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: context.run(inside))
        except (VendorFault, InDoubt, asyncio.CancelledError):
            # What is left of a cancelled call ends with its channel.
            self._client = None
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # it ended, in whatever way
                client.get_channel().close()
            raise


@contextlib.contextmanager
def _mapped(label: str, write: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise TargetNotFound(f"{write or 'a file'} is not at {label}", vendor="linux") from error
    except PermissionError as error:
        raise PermissionMissing(f"{label}: the account may not do this there", vendor="linux") from error
    except (paramiko.SSHException, EOFError, OSError, TimeoutError) as error:
        if write:
            raise InDoubt(f"{write} was sent to {label} and how it ended is not known", vendor="linux") from error
        raise VendorFault(f"{label}: sftp broke off", vendor="linux") from error
