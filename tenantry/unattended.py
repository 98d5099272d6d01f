"""The budget of what happens by itself: ``unattended.db`` counts, for each client and hour, effects that no person approved.

It is one file for all processes of an installation, and counts before the effect is made: killed in between, an effect was counted that
was not made, never the other way round. The journal says what was done; this only says how much more may be.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from tenantry.home import Home
from tenantry.localdb import LocalDb
from tenantry.run.unattended import allowed
from tenantry.task import Impact
from tenantry.tenants import Policy

__all__ = ["HOUR", "Budget"]

HOUR: Final = timedelta(hours=1)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS effects (
    tenant TEXT NOT NULL, effect BLOB NOT NULL, at_us INTEGER NOT NULL, PRIMARY KEY (tenant, effect)
) WITHOUT ROWID
"""


class Budget:
    """Implements `tenantry.run.unattended.Unattended`. Thread-safe.

    Args:
        policy: what a client agreed to, by its name; asked at every effect, so an edited file counts at once.
        clock: the current time.

    Raises:
        RecordError: here and from every method.
    """

    def __init__(self, home: Home, policy: Callable[[str], Policy], clock: Callable[[], datetime]) -> None:
        self._db = LocalDb(home.unattended_db, _SCHEMA)
        self._policy = policy
        self._clock = clock

    def close(self) -> None:
        self._db.close()

    def may(self, tenant: str, impact: Impact, key: str) -> str | None:
        """As the protocol says. A clock that steps back frees nothing: what lies in the future counts too."""
        policy = self._policy(tenant)
        if not allowed(impact, policy.unattended_impact):
            return f"the client agreed to {policy.unattended_impact} by itself, and this is {impact.value}"
        most = policy.unattended_effects_per_hour
        now = _us(self._clock())
        effect = sha256(key.encode()).digest()
        with self._db.transaction() as db:
            db.execute("DELETE FROM effects WHERE tenant = ? AND at_us <= ?", (tenant, now - _us_of(HOUR)))
            if db.execute("SELECT 1 FROM effects WHERE tenant = ? AND effect = ?", (tenant, effect)).fetchone():
                return None
            used = db.execute("SELECT count(*) FROM effects WHERE tenant = ?", (tenant,)).fetchone()[0]
            if used >= most:
                return f"the client's budget of {most} effects within an hour is used up"
            db.execute("INSERT INTO effects VALUES (?, ?, ?)", (tenant, effect, now))
        return None

    def used(self, tenant: str) -> int:
        """Effects of the last hour."""
        since = _us(self._clock()) - _us_of(HOUR)
        row = self._db.one("SELECT count(*) FROM effects WHERE tenant = ? AND at_us > ?", tenant, since)
        return int(row[0]) if row is not None else 0


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _us_of(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
