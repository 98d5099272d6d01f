"""Bringing a home back from a backup, on a machine that has none.

Everything is decrypted into a folder of its own first and proven whole; only then it takes its place. What was restored says so
itself: an entry in the estate's record and in each client's, naming the backup and how far the record reached, and the vault
gets a new master key, so that the key in any older copy opens nothing that is written from here on; and the record a new signing
key, whose predecessor signs nothing more here. Leases stay as they are and
lapse by themselves: an owner that still lives elsewhere is not overruled within their life.

A backup brings back clients that left after it was taken, and their certificates say until when there is one. One that should have been deleted by
now is refused therefore, and whoever restores another is told which clients it has.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

from tenantry.backup.snapshot import FORMAT, MANIFEST
from tenantry.backup.stream import Key, Reader
from tenantry.errors import BackupUnreadable, Conflict, NotFound, RecordError, Refused
from tenantry.home import Home
from tenantry.journal import MSP, Event, Journal, Ledger
from tenantry.masterkey import Passphrase, sync_folder
from tenantry.run import fold
from tenantry.signing import RecordSigner
from tenantry.vault import Vault

__all__ = ["Restored", "restore"]

_STAGE: Final = "restore-"
_UNFINISHED: Final = "restore.unfinished"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back."""

    id: str
    at: str
    """When the backup was taken."""
    files: int
    entries: int
    epoch: int
    """How often this record began anew: 2 after the first restoration."""
    unfinished: tuple[str, ...]
    """Runs that had not ended; `tenantry resume` goes on with each."""
    clients: tuple[str, ...]
    """Whose record and key are here again, whether they left since or not."""


def restore(
    home: Home,
    source: BinaryIO,
    key: Key,
    *,
    by: str,
    passphrase: Passphrase | None = None,
    today: date | None = None,
) -> Restored:
    """Restore a backup into an empty home.

    Args:
        source: the backup.
        by: who does; stands in the record.
        passphrase: of the vault within, if it has one.
        today: a backup that was to be deleted before is refused; None: it is restored all the same.

    Raises:
        Refused: it should not be there any more; the home is as empty as before.
        Conflict: the home is not empty.
        BackupUnreadable: another key, damaged or cut off; the home is as empty as before.
        RecordError: the disk is full; or the record within does not verify.
        VaultLocked: the passphrase is not that of the vault within; the files are in place, and nothing else was done.
    """
    home.ensure()
    _empty(home)
    stage = home.run / f"{_STAGE}{secrets.token_hex(8)}"
    try:
        stage.mkdir(mode=0o700)
        manifest, files = _unpack(source, key, stage, today)
        (home.run / _UNFINISHED).touch(mode=0o600)
        _put_in_place(stage, home)
        (home.run / _UNFINISHED).unlink()
    except OSError as error:
        raise RecordError(
            f"the backup cannot be restored ({error.strerror})", remedy="Free the disk; begin anew."
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return _begin(home, manifest, files, by, passphrase)


def _empty(home: Home) -> None:
    if (home.run / _UNFINISHED).exists():
        raise Conflict(
            "a restoration was interrupted here", remedy="Empty TENANTRY_HOME, run/ included, and restore again."
        )
    found = sorted(
        path.name for path in home.path.iterdir() if path != home.run and (not path.is_dir() or any(path.iterdir()))
    )
    if found:
        raise Conflict(
            f"TENANTRY_HOME is not empty: {', '.join(found[:5])}",
            remedy="Restore into an empty one; nothing is ever overwritten.",
        )


def _unpack(source: BinaryIO, key: Key, stage: Path, today: date | None) -> tuple[dict[str, Any], int]:
    reader = Reader(source, key)
    manifest: dict[str, Any] | None = None
    files = 0
    try:
        with tarfile.open(fileobj=cast(BinaryIO, reader), mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise BackupUnreadable("the backup holds something that is no file")
                if manifest is None:
                    manifest = _manifest(member.name, content.read())
                    _refuse_after_its_day(manifest, today)
                    continue
                _write(stage, member, content)
                files += 1
        reader.drain()
    except tarfile.TarError as error:
        raise BackupUnreadable("the backup is damaged inside") from error
    if manifest is None:
        raise BackupUnreadable("the backup is empty")
    return manifest, files


def _manifest(name: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content) if name == MANIFEST else {}
    except ValueError:
        found = {}
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise BackupUnreadable("the backup does not say what it is")
    if found["format"] > FORMAT:
        raise BackupUnreadable("a newer release made this backup", remedy="Install that release, then restore.")
    return found


def _refuse_after_its_day(manifest: dict[str, Any], today: date | None) -> None:
    until = manifest.get("until")
    if today is not None and until and date.fromisoformat(until) < today:
        raise Refused(
            f"this backup was to be kept until {until}: clients who left were told that there is none of it after that day",
            remedy="Restore a newer one; where there is none, --expired restores it, and whoever left since it was taken leaves again.",
        )


def _write(stage: Path, member: tarfile.TarInfo, content: Any) -> None:
    parts = PurePosixPath(member.name).parts
    if not parts or member.name.startswith("/") or ".." in parts:
        raise BackupUnreadable("the backup names a place outside the home")
    target = stage.joinpath(*parts)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(stage: Path, home: Home) -> None:
    """Each top-level name by one rename; the folders there are empty."""
    for path in sorted(stage.iterdir()):
        target = home.path / path.name
        if target.is_dir():
            target.rmdir()
        path.rename(target)
    sync_folder(home.path)
    home.ensure()


def _begin(
    home: Home,
    manifest: dict[str, Any],
    files: int,
    by: str,
    passphrase: Passphrase | None,
) -> Restored:
    with Vault.open(home, passphrase) as vault:
        if home.master_key.exists():
            vault.rotate_master()
        journal = Journal(f"sqlite:///{home.journal_db}", lambda tenant: vault.subkey(tenant, "journal"))
        try:
            result = journal.verify()
            if not result.ok:
                raise RecordError("the record in this backup does not verify", remedy="Restore an earlier backup.")
            before = [record for record in journal.tail(MSP) if record.event == "record.restored"]
            epoch = len(before) + 2
            said = {"backup": manifest.get("id"), "taken_at": manifest.get("at"), "by": by, "epoch": epoch}
            clients = []
            for tenant, size in _trees(home):
                if tenant == MSP:
                    continue
                try:
                    journal.append(tenant, [Event("record.restored", said | {"entries": size})])
                except NotFound:  # its key was destroyed: its record is closed for good
                    continue
                clients.append(tenant)
            journal.append(MSP, [Event("record.restored", said | {"entries": result.entries})])
            ledger = Ledger(journal, RecordSigner(home, vault))
            if ledger.keys()[1]:  # it was signed before: from here on by a key that no copy of the backup holds
                ledger.rotate(by=by, reason="restored from a backup", closing=False)
            runs = [index.run_id for index in journal.runs()]
            left = tuple(run for run in runs if _open(journal, run))
        finally:
            journal.close()
    id, at = str(manifest.get("id")), str(manifest.get("at"))
    return Restored(id, at, files, result.entries, epoch, left, tuple(clients))


def _open(journal: Journal, run_id: str) -> bool:
    try:
        return fold(journal.records(run_id)).ended is None
    except NotFound:  # of a client whose key was destroyed
        return False


def _trees(home: Home) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(home.journal_db)) as db:
        return [
            (str(tenant), int(size)) for tenant, size in db.execute("SELECT tenant, size FROM trees ORDER BY tenant")
        ]
