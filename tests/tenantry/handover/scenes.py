"""What is handed over in tests, and to where things go wrong."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

from tenantry.errors import DestinationFull, Unreachable
from tenantry.handover.bag import BagInfo
from tenantry.handover.place import Held

INFO = BagInfo(
    organization="Example MSP",
    contact="Mara\nPayload-Oxum: 1.1",
    email="mara@msp.example",
    description="Everything held for Acme",
    identifier="run-1",
    bagged=date(2026, 5, 4),
    more={"Internal-Sender-Identifier": "acme"},
)

HOSTILE = [
    b"50%.txt",
    b"new\nline",
    b"carriage\rreturn",
    b"latin-\xe9",
    b"NUL.txt",
    b"trailing dot.",
    b"trailing space ",
    b"-rf",
    b" leading",
    b"Case",
    b"case",
    "e\u0301.txt".encode(),
    "\u00e9.txt".encode(),
    "right\u202eto-left".encode(),
    b"back\\slash",
    b"colon:stream",
    b"~7E",
    b"bagit.txt",
    b"a" * 255,
    b"tab\there",
    "日本語".encode(),
]


def fill(folder: Path, *, large: int = 0) -> int:
    """Hostile names, an empty file, a link, an empty folder, a nested one; how many files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(HOSTILE):
        (folder / os.fsdecode(name)).write_bytes(b"content %d" % number)
    (folder / "empty").write_bytes(b"")
    (folder / "deep" / "..." / "CON").mkdir(parents=True)
    (folder / "deep" / "..." / "CON" / "leaf").write_bytes(b"leaf")
    (folder / "nothing").mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    if large:
        (folder / "large.bin").write_bytes(os.urandom(large))
    return len(HOSTILE) + 2 + bool(large)


class Crooked:
    """A place in front of another that counts what is sent, and fails as it is told."""

    def __init__(self, real: Any, part: int | None = None) -> None:
        self.real = real
        self._part = part
        self.sent: list[tuple[str, int]] = []
        self.stop_after: int | None = None
        """Calls that write, until the connection is gone."""
        self.room: int | None = None
        self.spoil: str = ""
        """A name whose bytes come back with one bit changed."""

    @property
    def label(self) -> str:
        return self.real.label

    def part_bytes(self, size: int) -> int:
        return self._part or self.real.part_bytes(size)

    async def held(self, name: str, size: int, token: str) -> Held:
        return await self.real.held(name, size, token)

    async def put(self, name: str, data: bytes) -> None:
        self._count(name, data)
        await self.real.put(name, data)

    async def begin(self, name: str) -> str:
        return await self.real.begin(name)

    async def part(self, name: str, token: str, number: int, offset: int, data: bytes) -> None:
        self._count(name, data)
        await self.real.part(name, token, number, offset, data)

    async def finish(self, name: str, token: str) -> None:
        await self.real.finish(name, token)

    async def read(self, name: str):
        first = True
        async for piece in self.real.read(name):
            if first and name == self.spoil:
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            first = False
            yield piece

    def listing(self):
        return self.real.listing()

    def _count(self, name: str, data: bytes) -> None:
        if self.stop_after is not None:
            if self.stop_after == 0:
                raise Unreachable("gone")
            self.stop_after -= 1
        if self.room is not None:
            if len(data) > self.room:
                raise DestinationFull("no room left")
            self.room -= len(data)
        self.sent.append((name, len(data)))
