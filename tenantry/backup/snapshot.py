"""Taking a home while it is in use: every part whole, and the parts in an order that fits them together.

- What must not be newer than the record first: copies of checkpoints, and the files that people edit.
- Then the record; then the vault, which opens at least what the record holds; its key file is taken with it, until the two
  agree.
- Then the evidence, every piece of which was stored before the entry that names it; people; Prefect's database last, because a
  run that it does not know is given to it again.

Databases are copied by SQLite's backup (https://www.sqlite.org/backup.html), which neither stops writers nor tears. ``run/`` is
left out: it is about what runs now.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import shutil
import sqlite3
import stat
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Final, cast

from tenantry.backup.kept import KEEP_DAYS, TAKEN, last_day
from tenantry.backup.stream import Key, Writer
from tenantry.clock import rfc3339
from tenantry.errors import InvalidInput, RecordError
from tenantry.home import Home
from tenantry.journal import MSP, Event, Journal
from tenantry.masterkey import key_id, read_key_file

__all__ = ["MANIFEST", "Taken", "take"]

MANIFEST: Final = "MANIFEST.json"
FORMAT: Final = 1
_SQLITE: Final = b"SQLite format 3\0"
_BESIDE: Final = ("-wal", "-shm", "-journal")
"""Ends of names of what SQLite keeps beside a database; its backup has what matters of them."""
_TRIES: Final = 10


@dataclass(slots=True)
class Taken:
    """What was put into a backup."""

    id: str
    at: str
    until: str
    """The last day on which it is to be kept."""
    files: int = 0
    bytes: int = 0
    skipped: list[str] = field(default_factory=list)
    """Links and special files, which a backup does not follow."""


def take(home: Home, journal: Journal, out: BinaryIO, key: Key, *, by: str, keep_days: int = KEEP_DAYS) -> Taken:
    """Write a backup. That it was made, by whom, and until when it is kept, is in the record, and in the record within it.

    Args:
        journal: of this home.
        out: takes the encrypted bytes, in order.
        by: who asked for it.
        keep_days: after how many days whoever has it deletes it.

    Raises:
        RecordError: a database is damaged, or the disk is full: ``out`` is then no backup.
        InvalidInput: the key cannot close, or nobody keeps a file for so many days.
    """
    now = journal.clock.now()
    taken = Taken(secrets.token_hex(8), rfc3339(now), last_day(now.date(), keep_days).isoformat())
    journal.append(MSP, [Event(TAKEN, {"backup": taken.id, "by": by, "until": taken.until})])
    facts = {"format": FORMAT, "id": taken.id, "at": taken.at, "until": taken.until}
    try:
        with _workplace(home) as work:
            stream = Writer(out, key, facts)
            with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                manifest = {**facts, "tenantry": version("tenantry")}
                _add_bytes(tar, MANIFEST, json.dumps(manifest).encode(), 0o600)
                for name in _in_order(home, taken):
                    _add(tar, home, name, work, taken)
            stream.finish()
    except OSError as error:
        raise RecordError(
            f"the backup cannot be made ({error.strerror})", remedy="Free the disk, then try again."
        ) from error
    return taken


def _in_order(home: Home, taken: Taken) -> Iterator[str]:
    """Relative names; what appears while the backup is made is found as long as its turn has not come."""
    databases = [home.journal_db.name, home.vault_db.name]
    later = [home.evidence.name, home.people_db.name, home.prefect.name]
    alone = {*databases, *later, home.run.name, home.master_key.name}
    for name in sorted(entry.name for entry in home.path.iterdir()):
        if name not in alone and not name.startswith(f"{home.master_key.name}."):
            yield from _below(home.path, name, taken)
    for name in (*databases, *later):
        if (home.path / name).exists():
            yield from _below(home.path, name, taken)


def _below(top: Path, name: str, taken: Taken) -> Iterator[str]:
    path = top / name
    try:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            for inner in sorted(entry.name for entry in path.iterdir()):
                yield from _below(top, f"{name}/{inner}", taken)
            return
    except FileNotFoundError:  # a temporary file that has its own name by now
        return
    if not stat.S_ISREG(mode):
        taken.skipped.append(name)
    elif not name.endswith((*_BESIDE, ".tmp")):
        yield name


def _add(tar: tarfile.TarFile, home: Home, name: str, work: Path, taken: Taken) -> None:
    path = home.path / name
    if path in home.databases:
        # Not opened to look: closing it would end the locks of this process's own connections (`tenantry.localdb.create_private`).
        _add_database(tar, home, name, work, taken)
        return
    try:
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                _add_database(tar, home, name, work, taken)
                return
            file.seek(0)
            _add_open(tar, name, file, taken)
    except FileNotFoundError:
        return


def _add_database(tar: tarfile.TarFile, home: Home, name: str, work: Path, taken: Taken) -> None:
    copy = work / "database"
    if home.path / name == home.vault_db:
        _vault(tar, home, copy, taken)
    else:
        copy_database(home.path / name, copy)
    _add_file(tar, name, copy, taken)
    copy.unlink()


def _vault(tar: tarfile.TarFile, home: Home, copy: Path, taken: Taken) -> None:
    """The vault as its key file opens it: a rotation may happen between the two."""
    for _ in range(_TRIES):
        copy_database(home.vault_db, copy)
        with contextlib.closing(sqlite3.connect(copy)) as db:
            found = db.execute("SELECT id, source FROM master").fetchone()
        if found is None or found[1] != "file":
            return
        with contextlib.suppress(RecordError):
            if key_id(read_key_file(home.master_key)) == found[0]:
                _add_bytes(tar, home.master_key.name, home.master_key.read_bytes(), 0o600)
                taken.files += 1
                return
        time.sleep(0.1)
    raise RecordError(
        "master.key does not open vault.db", remedy="`tenantry doctor` says more; the vault is not whole."
    )


def copy_database(source: Path, target: Path) -> None:
    """One consistent state of an SQLite database, while others write to it.

    Raises:
        RecordError: it is damaged or cannot be read.
    """
    target.unlink(missing_ok=True)
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=60)) as db,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            db.backup(copy)  # in one step: a backup in several starts again whenever somebody writes
            fine = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", None) or type(error).__name__
        raise RecordError(f"{source.name} cannot be copied ({code})") from error
    if fine != "ok":
        raise RecordError(
            f"{source.name} is damaged", remedy="Restore it from an earlier backup; keep a copy as it is."
        )


def _add_file(tar: tarfile.TarFile, name: str, path: Path, taken: Taken) -> None:
    with path.open("rb") as file:
        _add_open(tar, name, file, taken)


def _add_open(tar: tarfile.TarFile, name: str, file: BinaryIO, taken: Taken) -> None:
    status = os.fstat(file.fileno())
    info = _info(name, status.st_size, stat.S_IMODE(status.st_mode))
    info.mtime = int(status.st_mtime)
    tar.addfile(info, cast(BinaryIO, _Exactly(file, name)))
    taken.files += 1
    taken.bytes += status.st_size


class _Exactly:
    """A file that says so when it became shorter while it was read, instead of leaving a hole."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name

    def read(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) != size:
            raise RecordError(f"{self._name} changed while it was backed up", remedy="Try again.")
        return found


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    tar.addfile(_info(name, len(content), mode), io.BytesIO(content))


def _info(name: str, size: int, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, mode & 0o700
    return info


@contextlib.contextmanager
def _workplace(home: Home) -> Iterator[Path]:
    """A folder for one copy at a time, closed to others, gone afterwards."""
    work = home.run / f"backup-{secrets.token_hex(8)}"
    work.mkdir(mode=0o700)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def inside(home: Home, path: Path) -> None:
    """Raises InvalidInput: a backup that lies in what it is a backup of."""
    if path.absolute().resolve().is_relative_to(home.path.resolve()):
        raise InvalidInput("lies in TENANTRY_HOME, which it is to survive", place="-o", remedy="Choose another disk.")
