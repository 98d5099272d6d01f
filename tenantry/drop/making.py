"""What a kill leaves while a drop is being made: a private key in the vault that no drop knows. Said before the key is stored, so that
whoever looks after the drops takes it away again; nobody was told the link of such a drop, so nothing is to be completed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.journal.lease import known_dead, this_process
from tenantry.localdb import LocalDb

__all__ = ["MADE", "SCHEMA", "abandoned", "begin"]

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS making (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, owner TEXT NOT NULL, begun_at TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""
MADE: Final = "DELETE FROM making WHERE id = ?"
_LONGEST: Final = timedelta(hours=1)
"""To make a drop takes milliseconds; after this it is not being made any more, wherever its maker ran."""


def begin(db: LocalDb, drop: str, tenant: str, now: datetime) -> None:
    """Before the drop's key is stored. The transaction that makes the drop takes the note away (`MADE`)."""
    with db.transaction() as own:
        own.execute("INSERT INTO making VALUES (?, ?, ?, ?)", (drop, tenant, this_process(), rfc3339(now)))


def abandoned(db: LocalDb, now: datetime) -> list[tuple[str, str]]:
    """Drops, with their tenants, whose maker is gone."""
    return [
        (row["id"], row["tenant"])
        for row in db.all("SELECT * FROM making")
        if known_dead(row["owner"]) or now - parse_rfc3339(row["begun_at"]) > _LONGEST
    ]
