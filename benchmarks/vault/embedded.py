"""10,000 secrets of 500 tenants in the embedded store: put, get, list, a new master key.

The baseline does the same with `sqlite3` and `AESGCM` alone, on the same disk and with the same durability (WAL, synchronous=FULL,
secure_delete): a key for each tenant under a master key, held in memory; one insert and commit a secret; one select and decryption a
read; the names and dates of a tenant; 500 keys wrapped anew in one transaction, with a synced key file. What the store does besides is
the difference: versions, check-and-set, names and tenants checked, where a tenant's secrets lie, keys that another process destroyed.
What was read, a list or a sealed secret, is kept in memory for as long as nobody changes the file, which is asked each time whether that is
so; what one costs that has to be read is beside it (``after a change``).

Neither side records its reads: what an entry costs is `journal.append`.
"""

from __future__ import annotations

import os
import random
import secrets
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from tenantry.home import Home
from tenantry.secretstore import Facts, SecretVersion
from tenantry.vault import Vault

_TARGET: Final = 1.5
_TENANTS: Final = 500
_SECRETS: Final = 20
_BATCH: Final = 500
"""Calls of one side before the other has its turn."""


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """Medians of many short turns, ours and the baseline's one after the other.

    Args:
        option: ``put``, ``get``, ``list`` or ``rotate-master``.
    """
    tenants, each = (20, 5) if scale.quick else (_TENANTS, _SECRETS)
    more: dict[str, Any] = {}
    with _folder() as folder, Vault.open(Home(folder / "home").ensure()) as vault:
        plain = _Plain(folder / "plain.db")
        names = [f"client-{number:03d}" for number in range(tenants)]
        for tenant in names:
            vault.create_tenant_key(tenant)
            plain.create(tenant)
        places = [(tenant, f"provider/{number:02d}") for number in range(each) for tenant in names]
        random.Random(1).shuffle(places)
        values = [secrets.token_urlsafe(32) for _ in places]
        if option == "put":
            ours, bare = _both(
                [partial(vault.put, *p, v, kind="client_secret") for p, v in zip(places, values, strict=True)],
                [partial(plain.put, *p, v) for p, v in zip(places, values, strict=True)],
                quick=scale.quick,
            )
        else:
            _fill(vault, plain, places, values)
        if option == "get":
            asked = [random.Random(2).choice(places) for _ in range(len(places) * (1 if scale.quick else 3))]
            gets: list[Call] = [partial(plain.get, *p) for p in asked]
            more["after a change"] = _again([partial(_opened_anew, vault, *p) for p in asked], gets, quick=scale.quick)
            ours, bare = _both([partial(_opened, vault, *p) for p in asked], gets, quick=scale.quick)
        elif option == "list":
            rounds = names * (1 if scale.quick else 6)
            lists: list[Call] = [partial(plain.list, t) for t in rounds]
            more["after a change"] = _again([partial(_anew, vault, t) for t in rounds], lists, quick=scale.quick)
            ours, bare = _both([partial(vault.list, t) for t in rounds], lists, quick=scale.quick)
        elif option == "rotate-master":
            turns = 2 if scale.quick else 9
            ours, bare = _both([vault.rotate_master] * turns, [plain.rotate] * turns, quick=True, batch=1)
        plain.close()
    value, baseline = statistics.median(ours), statistics.median(bare)
    ratio = statistics.median(mine / base for mine, base in zip(ours, bare, strict=True))
    return Bench(
        name=name,
        value=round(value * 1e6, 2),
        unit="us",
        baseline=Baseline("plain SQLite and AES-GCM", round(baseline * 1e6, 2)),
        ratio=round(ratio, 3),
        target=f"ratio <= {_TARGET}",
        met=ratio <= _TARGET,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "secrets": len(places),
            "tenants": tenants,
            "ours_us": summary([one * 1e6 for one in ours], 2),
            "plain_us": summary([one * 1e6 for one in bare], 2),
            **more,
        },
    )


def _fill(vault: Vault, plain: _Plain, places: list[tuple[str, str]], values: list[str]) -> None:
    """As `put` would, in one transaction each: what is measured comes afterwards."""
    facts = Facts.of("client_secret")
    with vault._db.transaction() as db:
        for place, value in zip(places, values, strict=True):
            before = vault._embedded.before(db, *place)
            vault._embedded.put_within(db, before, *place, value.encode(), facts)
    with plain.at_once():
        for place, value in zip(places, values, strict=True):
            plain.insert(*place, value)


Call = Callable[[], object]


def _opened(vault: Vault, tenant: str, name: str) -> bytes:
    return vault.get(tenant, name).get_secret_value()


def _again(ours: list[Call], plain: list[Call], *, quick: bool) -> dict[str, Any]:
    """What each costs when nothing is in memory."""
    anew, same = _both(ours, plain, quick=quick)
    return {
        "ours_us": summary([one * 1e6 for one in anew], 2),
        "ratio": round(statistics.median(mine / base for mine, base in zip(anew, same, strict=True)), 3),
    }


def _opened_anew(vault: Vault, tenant: str, name: str) -> bytes:
    vault._embedded.forget()
    return _opened(vault, tenant, name)


def _anew(vault: Vault, tenant: str) -> list[SecretVersion]:
    vault._embedded.forget()
    return vault.list(tenant)


def _both(ours: list[Call], plain: list[Call], *, quick: bool, batch: int = _BATCH) -> tuple[list[float], list[float]]:
    """Seconds a call, of each turn, the first turn left out unless it is a quick one: caches are filled in it."""
    found: tuple[list[float], list[float]] = ([], [])
    for begin in range(0, len(ours), batch):
        order = ((0, ours), (1, plain)) if begin // batch % 2 else ((1, plain), (0, ours))
        for side, calls in order:
            turn = calls[begin : begin + batch]
            started = time.perf_counter()
            for call in turn:
                call()
            found[side].append((time.perf_counter() - started) / len(turn))
    return found if quick else (found[0][1:], found[1][1:])


class _Plain:
    """What one would write in an afternoon: the same secrets under the same kind of keys, as safe on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE keys (tenant TEXT PRIMARY KEY, wrapped BLOB)")
        self._db.execute(
            "CREATE TABLE secrets (tenant TEXT, name TEXT, kind TEXT, created_at TEXT, expires_at TEXT, rotate_at TEXT, "
            "metadata TEXT, sealed BLOB, "
            "PRIMARY KEY (tenant, name)) WITHOUT ROWID"
        )
        self._master = AESGCM(secrets.token_bytes(32))
        self._keys: dict[str, AESGCM] = {}

    def create(self, tenant: str) -> None:
        key, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
        self._db.execute(
            "INSERT INTO keys VALUES (?, ?)", (tenant, nonce + self._master.encrypt(nonce, key, tenant.encode()))
        )
        self._keys[tenant] = AESGCM(key)

    def put(self, tenant: str, name: str, value: str) -> None:
        with self.at_once():
            self.insert(tenant, name, value)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        yield
        self._db.execute("COMMIT")

    def insert(self, tenant: str, name: str, value: str) -> None:
        nonce = secrets.token_bytes(12)
        sealed = nonce + self._keys[tenant].encrypt(nonce, value.encode(), f"{tenant}\0{name}".encode())
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._db.execute(
            "INSERT INTO secrets VALUES (?, ?, 'client_secret', ?, NULL, NULL, '{}', ?)", (tenant, name, at, sealed)
        )

    def get(self, tenant: str, name: str) -> bytes:
        row = self._db.execute("SELECT sealed FROM secrets WHERE tenant = ? AND name = ?", (tenant, name)).fetchone()
        return self._keys[tenant].decrypt(row[0][:12], row[0][12:], f"{tenant}\0{name}".encode())

    def list(self, tenant: str) -> list[Any]:
        return self._db.execute(
            "SELECT name, kind, created_at, expires_at, rotate_at, metadata FROM secrets WHERE tenant = ? ORDER BY name",
            (tenant,),
        ).fetchall()

    def rotate(self) -> None:
        raw = secrets.token_bytes(32)
        new = AESGCM(raw)
        self._db.execute("BEGIN IMMEDIATE")
        file = self._path.with_suffix(".key.new")
        with file.open("wb") as out:
            out.write(raw)
            out.flush()
            os.fsync(out.fileno())
        changed = []
        for tenant, wrapped in self._db.execute("SELECT tenant, wrapped FROM keys"):
            key = self._master.decrypt(wrapped[:12], wrapped[12:], tenant.encode())
            nonce = secrets.token_bytes(12)
            changed.append((nonce + new.encrypt(nonce, key, tenant.encode()), tenant))
        self._db.executemany("UPDATE keys SET wrapped = ? WHERE tenant = ?", changed)
        self._db.execute("COMMIT")
        file.replace(self._path.with_suffix(".key"))
        folder = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # no copy of the old keys stays in the log
        self._master = new

    def close(self) -> None:
        self._db.close()


@contextmanager
def _folder() -> Iterator[Path]:
    """In the home of the benchmarks, on the disk that the vault lies on."""
    folder = Home.locate().ensure().run / f"vault-{secrets.token_hex(4)}"
    folder.mkdir()
    yield folder
