"""Whether an installation is well: what can be seen on this machine without changing anything.

Each check says what it found and, where something is wrong, what to do. A check that cannot be made is ``unknown``, never fine;
one that fails by itself does not keep the others from being made.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final, Literal

from packaging.requirements import InvalidRequirement, Requirement

from tenantry.clock import parse_rfc3339
from tenantry.errors import NotFound, TenantryError
from tenantry.estate import load_estate
from tenantry.home import Home
from tenantry.journal import Journal, schema
from tenantry.masterkey import Passphrase
from tenantry.secretlife import due_everywhere, limits_of
from tenantry.tenants import TenantStore
from tenantry.tls import Certificate
from tenantry.vault import Vault

__all__ = ["Check", "Status", "examine"]

Status = Literal["ok", "warning", "failed", "unknown"]

_LOW: Final = 2_000_000_000
_FULL: Final = 200_000_000
"""Bytes: below it a database may fail in the middle of a run."""
_AHEAD: Final = timedelta(seconds=5)
_RENEW: Final = timedelta(days=14)
_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    status: Status
    says: str
    remedy: str = ""


def examine(home: Home, passphrase: Passphrase | None = None, *, now: datetime | None = None) -> list[Check]:
    """Look at the home and at the machine. Changes nothing but, if need be, the modes that `Home.ensure` sets.

    Args:
        passphrase: of the vault, if it has one.
        now: the time; the system's when None.
    """
    at = now or datetime.now(UTC)
    parts: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("versions", _versions),
        ("files", lambda: _files(home)),
        ("disk", lambda: _disk(home)),
        ("databases", lambda: _databases(home)),
        ("keys", lambda: _keys(home, passphrase)),
        ("secrets", lambda: _secrets(home, passphrase, at)),
        ("record", lambda: _record(home, passphrase, at)),
        ("certificate", lambda: _certificate(home, at)),
        ("clock", _clock),
    )
    found: list[Check] = []
    for name, part in parts:
        try:
            found += part()
        except TenantryError as error:
            found.append(Check(name, "failed", error.message, error.remedy))
        except (OSError, sqlite3.Error, ValueError) as error:
            found.append(Check(name, "unknown", f"could not be looked at ({type(error).__name__})"))
    return found


def _versions() -> Iterator[Check]:
    """Installed against what this release was made for."""
    wrong = []
    for text in requires("tenantry") or []:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            there = version(wanted.name)
        except PackageNotFoundError:
            wrong.append(f"{wanted.name} is missing")
            continue
        if not wanted.specifier.contains(there, prereleases=True):
            wrong.append(f"{wanted.name} {there}, wanted {wanted.specifier}")
    python = ".".join(map(str, sys.version_info[:3]))
    ours = f"tenantry {version('tenantry')}, Python {python}, SQLite {sqlite3.sqlite_version}, Prefect {version('prefect')}"
    if wrong:
        yield Check("versions", "failed", f"{ours}; {'; '.join(wrong)}", "Install from the lock: `make install`.")
    else:
        yield Check("versions", "ok", ours)


def _files(home: Home) -> Iterator[Check]:
    """Nobody else may read what lies here."""
    status = home.path.stat()
    if status.st_uid != os.getuid():
        yield Check(
            "home", "failed", f"{home.path} belongs to account {status.st_uid}", "Run as the account that owns it."
        )
    open_to_others = sorted(
        path.name
        for path in (
            home.path,
            *home.path.glob("*.db*"),
            *home.path.glob("master.key*"),
            *home.path.glob("*.credential"),
        )
        if stat.S_IMODE(path.lstat().st_mode) & 0o077
    )
    if open_to_others:
        names = ", ".join(open_to_others)
        yield Check("modes", "failed", f"others can read {names}", "Find out who did, then `chmod go-rwx` them.")
    else:
        yield Check("modes", "ok", "readable by the owner alone")
    left = sorted(path.name for path in home.run.glob("backup-*")) + sorted(p.name for p in home.run.glob("restore*"))
    if left:
        yield Check("left over", "warning", f"an interrupted backup or restoration: run/{left[0]}", "Remove it.")


def _disk(home: Home) -> Iterator[Check]:
    usage = shutil.disk_usage(home.path)
    says = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f}"
    if usage.free < _FULL:
        yield Check("disk", "failed", says, "Free it: nothing can be recorded on a full disk, so nothing is done.")
    elif usage.free < _LOW:
        yield Check("disk", "warning", says, "Free some before it is full.")
    else:
        yield Check("disk", "ok", says)
    inodes = os.statvfs(home.path)
    if inodes.f_files and inodes.f_favail < 1_000:
        yield Check("inodes", "failed", f"{inodes.f_favail} left", "Remove small files, or move the home.")


def _databases(home: Home) -> Iterator[Check]:
    for path in (*home.databases, home.prefect / "prefect.db"):
        if not path.exists():
            yield Check(path.name, "ok", "not made yet")
            continue
        try:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=5)) as db:
                fine = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.DatabaseError as error:
            fine = getattr(error, "sqlite_errorname", None) or type(error).__name__
            if fine in {"SQLITE_BUSY", "SQLITE_LOCKED"}:
                yield Check(path.name, "unknown", "is busy", "Try again in a moment.")
                continue
        if fine == "ok":
            yield Check(path.name, "ok", f"whole, {path.stat().st_size / 1e6:.1f} MB")
        else:
            remedy = "Keep a copy as it is, and `tenantry restore` the last backup into an empty home."
            yield Check(path.name, "failed", f"is damaged ({fine[:80]})", remedy)
    if home.journal_db.exists():
        with closing(sqlite3.connect(f"{home.journal_db.as_uri()}?mode=rw", uri=True, timeout=5)) as db:
            found = [row[0] for row in db.execute("SELECT version_num FROM alembic_version")]
        if found == [schema.HEAD]:
            yield Check("schema", "ok", f"journal at {schema.HEAD}")
        else:
            remedy = "Any command migrates an older one; a newer one needs the release that wrote it."
            yield Check("schema", "warning", f"journal at {', '.join(found)}, this release has {schema.HEAD}", remedy)


def _keys(home: Home, passphrase: Passphrase | None) -> Iterator[Check]:
    if not home.vault_db.exists():
        yield Check("keys", "ok", "no vault yet")
        return
    with Vault.open(home, passphrase) as vault:
        have = set(vault.tenants())
    source = "a key file" if home.master_key.exists() else "a passphrase"
    bare = sorted(set(TenantStore(home).names()) - have)
    yield Check("keys", "ok", f"{source} opens the vault; {len(have)} tenants have a key")
    if bare:
        yield Check(
            "tenants' keys", "warning", f"no key: {', '.join(bare[:10])}", "`tenantry tenants check T` makes one."
        )


def _secrets(home: Home, passphrase: Passphrase | None, now: datetime) -> Iterator[Check]:
    """What expires or is to be replaced, of every client and of the estate. Secrets that lie in a store outside are asked for by
    `tenantry tenants check`: this process reaches none."""
    if not home.vault_db.exists():
        return
    with Vault.open(home, passphrase) as vault:
        found, unknown = due_everywhere(vault, now, limits_of(TenantStore(home)))
    if unknown:
        shown = ", ".join(unknown[:10])
        yield Check(
            "secrets elsewhere",
            "unknown",
            f"not looked at from here: {shown}",
            "`tenantry vault list --tenant T` does.",
        )
    for status, reasons, remedy in (
        ("failed", ("expired",), "Replace it, and store the new one: `tenantry vault rotate`, or `vault put`."),
        ("warning", ("expires", "rotate"), "`tenantry vault rotate --tenant T NAME`, or runbook credential_handover."),
    ):
        some = [one for one in found if one.why in reasons]
        if some:
            shown = "; ".join(f"{one.tenant}/{one.name} {one.text}" for one in some[:10])
            more = f"; and {len(some) - 10} more" if len(some) > 10 else ""
            yield Check("secrets", status, f"{shown}{more}", remedy)  # type: ignore[arg-type]  # one of the two above
    if not found:
        yield Check("secrets", "ok", "none expires within thirty days or is to be replaced")


def _record(home: Home, passphrase: Passphrase | None, now: datetime) -> Iterator[Check]:
    if not home.journal_db.exists() or not home.vault_db.exists():
        yield Check("record", "ok", "nothing recorded yet")
        return
    with closing(sqlite3.connect(f"{home.journal_db.as_uri()}?mode=rw", uri=True, timeout=5)) as db:
        sizes = db.execute("SELECT sum(size), max(last_ts), count(*) FROM trees").fetchone()
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        signed = db.execute("SELECT max(at) FROM checkpoints").fetchone()[0] if "checkpoints" in tables else None
    entries, newest, trees = int(sizes[0] or 0), sizes[1], int(sizes[2])
    says = f"{entries} entries in {trees} trees"
    if newest and parse_rfc3339(newest) - now > _AHEAD:
        remedy = "Set the clock right; the record notes that it stepped back."
        yield Check("record", "failed", f"{says}; the newest is of {newest}, which is in the future", remedy)
    else:
        yield Check("record", "ok", f"{says}; the newest is of {newest}" if newest else says)
    yield Check("checkpoint", "ok", f"last signed at {signed}" if signed else "none signed yet")
    if trees:
        yield from _runs(home, passphrase)


def _runs(home: Home, passphrase: Passphrase | None) -> Iterator[Check]:
    from tenantry.run import Status as RunStatus
    from tenantry.run import fold

    with Vault.open(home, passphrase) as vault:
        journal = Journal(f"sqlite:///{home.journal_db}", lambda tenant: vault.subkey(tenant, "journal"))
        try:
            left, waiting = [], 0
            for index in journal.runs(limit=200):
                try:
                    state = fold(journal.records(index.run_id))
                except NotFound:  # of a client whose key was destroyed
                    continue
                status = state.status(live=journal.live(index.run_id))
                left += [index.run_id] if status is RunStatus.INTERRUPTED else []
                waiting += status is RunStatus.WAITING
            frozen = journal.frozen(schema.EVERYWHERE)
        finally:
            journal.close()
    if left:
        yield Check(
            "runs",
            "warning",
            f"{len(left)} interrupted: {left[0]}",
            "`tenantry up` goes on with them, or `tenantry resume RUN`.",
        )
    else:
        yield Check("runs", "ok", f"none interrupted, {waiting} wait for a person")
    if frozen is not None:
        yield Check(
            "freeze", "warning", f"everything is frozen since {frozen['since']}", "`tenantry unfreeze` lifts it."
        )


def _certificate(home: Home, now: datetime) -> Iterator[Check]:
    """That of ``service`` in estate.yaml; one that stands on a command line is unknown here."""
    service = load_estate(home).service
    if service.tls_certificate is None or service.tls_key is None:
        return
    found = Certificate.read(home.path / service.tls_certificate, home.path / service.tls_key, now=now)
    left = found.until - now
    says = f"for {', '.join(found.names[:5])}, until {found.until:%Y-%m-%d}"
    if left < _RENEW:
        yield Check("certificate", "warning", says, "Renew it: nobody can sign in from elsewhere once it has expired.")
    else:
        yield Check("certificate", "ok", says)


def _clock() -> Iterator[Check]:
    if sys.platform != "linux":
        yield Check("clock", "unknown", "whether it is synchronised cannot be told here")
        return
    # struct timex is some 200 bytes on every architecture; modes = 0 only reads (adjtimex(2)).
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(1024))
    if state < 0:
        yield Check("clock", "unknown", "whether it is synchronised cannot be told here")
    elif state == _TIME_ERROR:
        remedy = "Run chrony or systemd-timesyncd: codes, deadlines and the record depend on the time."
        yield Check("clock", "warning", "is not synchronised", remedy)
    else:
        yield Check("clock", "ok", "is synchronised")
