"""What the installation's own small databases keep of a client: links for credentials, contacts' codes, alerts, what was counted. Each place as
`flows.keeping.Keeping` says."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.sqlite_files import connected, emptied

if TYPE_CHECKING:
    from flows.assembly import Installation

__all__ = ["Alerts", "Contacts", "Drops", "Place", "Unattended", "alerts_in_hand"]

_ROWS: Final = "rows deleted with secure_delete, the write-ahead log emptied"


class Place:
    """What the places share."""

    def __init__(self, installation: Installation, tenant: str) -> None:
        self.installation = installation
        self.tenant = tenant

    def alive(self) -> bool:
        """Whether the client's key is there."""
        return self.installation.vault.has_key(self.tenant)


class _Rows(Place):
    """Rows of one of our own small databases."""

    def __init__(self, installation: Installation, tenant: str, path: Path, tables: Sequence[tuple[str, str]]) -> None:
        super().__init__(installation, tenant)
        self._path = path
        self._tables = tables

    def count(self) -> int:
        if not self._path.exists():
            return 0
        with connected(self._path) as db:
            return sum(self._found(db, table, where) for table, where in self._tables)

    def _found(self, db: sqlite3.Connection, table: str, where: str) -> int:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is None:
            return 0
        return int(db.execute(f"SELECT count(*) FROM {table} WHERE {where}", (self.tenant,)).fetchone()[0])  # noqa: S608  # our own names

    def remove(self) -> None:
        if not self._path.exists():
            return
        with connected(self._path) as db:
            db.execute("BEGIN IMMEDIATE")
            for table, where in self._tables:
                if self._found(db, table, where):
                    db.execute(f"DELETE FROM {table} WHERE {where}", (self.tenant,))  # noqa: S608  # our own names
            db.execute("COMMIT")
            emptied(db)


class Drops(_Rows):
    id, unit = "drops", "links for credentials"
    what, technique = "Links through which the client handed over credentials", _ROWS

    def __init__(self, installation: Installation, tenant: str) -> None:
        one = "drop_id IN (SELECT id FROM drops WHERE tenant = ?)"
        found = installation.home.drops_db
        super().__init__(installation, tenant, found, [("sessions", one), ("expected", one), ("drops", "tenant = ?")])
        self.where = found.name


class Contacts(_Rows):
    id, unit = "contacts", "codes of contacts"
    what, technique = "Which contacts of the client had a code, and when they proved themselves", _ROWS

    def __init__(self, installation: Installation, tenant: str) -> None:
        found = installation.home.contacts_db
        super().__init__(installation, tenant, found, [("proofs", "tenant = ?"), ("contacts", "tenant = ?")])
        self.where = found.name


class Unattended(_Rows):
    id, unit = "unattended", "effects counted"
    what, technique = "How much was done for the client by itself within an hour: digests and times", _ROWS

    def __init__(self, installation: Installation, tenant: str) -> None:
        found = installation.home.unattended_db
        super().__init__(installation, tenant, found, [("effects", "tenant = ?")])
        self.where = found.name


class Alerts(_Rows):
    """That an alert came, when, from where, and what became of it, stays for ever; what it said goes."""

    id, unit = "alerts", "alerts, incidents, entities and suppressions with contents"
    what = "Contents of alerts about the client, whom they were about, plans of incidents, suppressions"
    technique = f"contents erased, the alerts' own rows stay; other {_ROWS}"
    _SAID: Final = (
        ("alerts", "body", "fingerprint"),
        ("incidents", "plan", "closed_why"),
    )

    def __init__(self, installation: Installation, tenant: str) -> None:
        found = installation.home.alerts_db
        said = [
            (table, f"tenant = ? AND ({' OR '.join(f'{name} IS NOT NULL' for name in names)})")
            for table, *names in self._SAID
        ]
        gone = [("entities", "tenant = ?"), ("suppressions", "tenant = ?")]
        super().__init__(installation, tenant, found, [*said, *gone])
        self.where = found.name

    def remove(self) -> None:
        if not self._path.exists():
            return
        with connected(self._path) as db:
            db.execute("BEGIN IMMEDIATE")
            for table, *names in self._SAID:
                if self._found(db, table, "tenant = ?"):
                    nothing = ", ".join(f"{name} = NULL" for name in names)
                    db.execute(f"UPDATE {table} SET {nothing} WHERE tenant = ?", (self.tenant,))  # noqa: S608  # our own names
            for table in ("entities", "suppressions"):
                if self._found(db, table, "tenant = ?"):
                    db.execute(f"DELETE FROM {table} WHERE tenant = ?", (self.tenant,))  # noqa: S608  # our own names
            db.execute("COMMIT")
            emptied(db)


def alerts_in_hand(installation: Installation, tenant: str) -> tuple[list[str], int]:
    """What of alerts stands in the way of an end, one sentence each; and how many are kept of which nobody knows whose they are."""
    path = installation.home.alerts_db
    if not path.exists():
        return [], 0
    asked = {
        "undecided": "SELECT count(*) FROM alerts WHERE state = 'accepted'",
        "unrecorded": "SELECT count(*) FROM alerts WHERE recorded = 0 AND tenant = ?",
        "open": "SELECT count(*) FROM incidents WHERE state = 'open' AND tenant = ?",
        "nobodys": "SELECT count(*) FROM alerts WHERE tenant IS NULL AND state <> 'accepted'",
    }
    with connected(path) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'alerts'").fetchone() is None:
            return [], 0
        found = {
            name: int(db.execute(text, (tenant,) if "?" in text else ()).fetchone()[0]) for name, text in asked.items()
        }
    why = {
        "undecided": "alerts were accepted and nobody knows yet whose they are: the service decides that",
        "unrecorded": "alerts of the client are not in the record yet: the service writes them there",
        "open": "incidents of the client are open: close them (tenantry alerts close)",
    }
    return [f"{found[name]} {said}" for name, said in why.items() if found[name]], found["nobodys"]
