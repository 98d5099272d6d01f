"""How far each pulled source was read: a row of ``alerts.db`` that only grows.

Alerts are accepted before their cursor is saved, and an alert that is accepted twice is one: killed in between, the next pull reads again what the
cursor does not know of, and nothing is lost or doubled.
"""

from __future__ import annotations

from datetime import datetime

from tenantry.alerts.store import AlertStore, micros, moment

__all__ = ["Cursors"]


class Cursors:
    """Every method may raise RecordError."""

    def __init__(self, store: AlertStore) -> None:
        self._store = store

    def of(self, source: str) -> datetime | None:
        """Time of the newest alert that was read; None: never asked."""
        rows = self._store.rows("SELECT since_us FROM cursors WHERE source = ?", source)
        return moment(rows[0][0]) if rows else None

    def save(self, source: str, since: datetime, looked: datetime) -> None:
        """Everything up to ``since`` was read whole. A cursor never goes back."""
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO cursors VALUES (?, ?, ?) ON CONFLICT (source) DO UPDATE SET since_us = max(since_us, excluded.since_us), "
                "looked_us = max(looked_us, excluded.looked_us)",
                (source, micros(since), micros(looked)),
            )

    def public(self) -> bytes | None:
        """The key that alerts are sealed to; None: whoever decides on alerts has not said it yet."""
        rows = self._store.rows("SELECT public FROM intake LIMIT 1")
        return bytes(rows[0][0]) if rows else None

    def publish(self, public: bytes) -> None:
        """Say which key alerts are sealed to."""
        if self.public() != public:
            with self._store.transaction() as db:
                db.execute("DELETE FROM intake")
                db.execute("INSERT INTO intake VALUES (?)", (public,))
