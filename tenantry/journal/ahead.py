"""Room in the write-ahead log before it is needed.

A sync of a file that grew must also make its new length durable, which a file system does with a transaction of its own: such
a sync takes half as long again as one of bytes that were written over others. SQLite writes its log over and over from the
beginning once it was copied into the database, so the first 16 MB after a start are the slow ones. Here the log is made longer
ahead of its frames, as other databases do with theirs.

What is added are zeros behind the end, which SQLite never takes for a frame: a frame holds the salt of the log's header and a
checksum over all before it (https://www.sqlite.org/fileformat2.html#walformat). They are appended (O_APPEND), so they can
overwrite nothing that another process has written meanwhile. SQLite's locks are on its other files, so opening and closing this
one gives up none of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["LogAhead"]

_EVERY: Final = 8
"""Commits between two looks at the log. A process that records less than that needs no room."""
_ROOM: Final = 512 * 1024
_PIECE: Final = bytes(16 * 1024)
"""Written at a time. What was written in one piece of megabytes Linux also keeps in one piece in memory, and syncing a few KB out
of it takes a fifth longer for good."""


class LogAhead:
    """Lengthens one database's write-ahead log whenever SQLite did. Not thread-safe: its user commits one at a time.

    Args:
        database: path of the database; nothing is done for one in memory.
    """

    def __init__(self, database: str | None) -> None:
        self._path = Path(f"{database}-wal") if database and database != ":memory:" else None
        self._commits = 0
        self._length = 0
        """Of the log, when it was looked at last."""

    def committed(self) -> None:
        """To be called after each commit."""
        self._commits += 1
        if self._commits % _EVERY or self._path is None:
            return
        try:
            length = self._path.stat().st_size
            if length > self._length:
                length += self._lengthen(self._path)
        except OSError:
            # What was recorded is durable; without room ahead the next syncs only take longer. That a disk is full is said by the
            # append that it refuses.
            self._path = None
        else:
            self._length = length

    @staticmethod
    def _lengthen(path: Path) -> int:
        """Bytes that were added."""
        added = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            while added < _ROOM:
                added += os.write(descriptor, _PIECE)
        finally:
            os.close(descriptor)
        return added
