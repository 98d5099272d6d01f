"""A tree as C2SP tlog-tiles (https://c2sp.org/tlog-tiles): static files that other people's log clients read.

::

    checkpoint                     the signed note
    tile/<level>/<n>[.p/<width>]   up to 256 hashes of level 8·level
    tile/entries/<n>[.p/<width>]   up to 256 entries, each with its length (16 bits, big endian) before it
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tenantry.errors import InvalidInput, NotProven, RecordError
from tenantry.masterkey import sync_folder
from tenantry.proof import merkle
from tenantry.proof.note import parse_note

__all__ = ["tile_path", "write_tiles"]

LARGEST: Final = 65_535
"""Bytes of one entry, by the specification."""


def tile_path(level: int | str, index: int, width: int = merkle.WIDTH) -> str:
    """Path of a tile: the index in groups of three digits, all but the last with an ``x`` before it."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    partial = "" if width == merkle.WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def write_tiles(folder: Path, note: bytes, size: int, entries: Iterable[tuple[bytes, bytes]]) -> None:
    """Write the tree of a checkpoint.

    Args:
        folder: where to; made, and must not be there yet.
        entries: ``(entry, leaf)`` of the first ``size`` entries.

    Raises:
        InvalidInput: the folder is there.
        NotProven: the entries are not those of the checkpoint.
        RecordError: the disk is full or gone. In each case nothing is left behind.
    """
    if folder.exists():
        raise InvalidInput(f"{folder} is there already", place="-o", remedy="Name a folder that does not exist yet.")
    making = folder.with_name(f".{folder.name}.tmp")
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True, mode=0o700)
        try:
            _write(making, note, size, entries)
            making.rename(folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    except OSError as error:
        raise RecordError(f"cannot write the tiles: {error.strerror}", file=str(folder)) from error


def _write(folder: Path, note: bytes, size: int, entries: Iterable[tuple[bytes, bytes]]) -> None:
    levels: list[list[bytes]] = []
    counts: list[int] = []
    bodies = bytearray()

    def put(level: int, found: bytes) -> None:
        if level == len(levels):
            levels.append([])
            counts.append(0)
        levels[level].append(found)
        if len(levels[level]) == merkle.WIDTH:
            _file(folder / tile_path(level, counts[level]), b"".join(levels[level]))
            above = merkle.fold(levels[level])
            levels[level].clear()
            counts[level] += 1
            put(level + 1, above)

    frontier = merkle.Frontier()
    written = 0
    for body, leaf in entries:
        if merkle.leaf_hash(body) != leaf or len(body) > LARGEST:
            raise NotProven(f"entry {written} is not the one recorded")
        frontier.append(leaf)
        bodies += len(body).to_bytes(2, "big") + body
        written += 1
        if written % merkle.WIDTH == 0:
            _file(folder / tile_path("entries", written // merkle.WIDTH - 1), bytes(bodies))
            bodies.clear()
        put(0, leaf)
    checkpoint = parse_note(note).checkpoint
    if (frontier.size, frontier.root()) != (size, checkpoint.root) or checkpoint.size != size:
        raise NotProven("the entries are not those of the checkpoint")
    if bodies:
        _file(folder / tile_path("entries", written // merkle.WIDTH, written % merkle.WIDTH), bytes(bodies))
    for level, hashes in enumerate(levels):
        if hashes:
            _file(folder / tile_path(level, counts[level], len(hashes)), b"".join(hashes))
    _file(folder / "checkpoint", note)


def _file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
