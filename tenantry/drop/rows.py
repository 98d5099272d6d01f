"""The ledger's rows: their tables, and what they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tenantry.clock import parse_rfc3339
from tenantry.drop.model import Drop, Expected, Question, Received

__all__ = ["SCHEMA", "drop_of", "hashed", "packed", "unpacked"]

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS drops (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, contact TEXT NOT NULL, method TEXT NOT NULL, status TEXT NOT NULL,
    made_at TEXT NOT NULL, expires_at TEXT NOT NULL, ended_at TEXT, public BLOB NOT NULL, token BLOB NOT NULL, pin BLOB,
    failures INTEGER NOT NULL DEFAULT 0, question TEXT, shown TEXT NOT NULL, key_gone INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS expected (
    drop_id TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
    received_at TEXT, version INTEGER, digest BLOB, PRIMARY KEY (drop_id, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    hash BLOB PRIMARY KEY, drop_id TEXT NOT NULL, until TEXT NOT NULL, unopened INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID
"""


def drop_of(row: Any, expected: Sequence[Any]) -> Drop:
    """The drop that a row of ``drops`` holds, with its rows of ``expected`` in order."""
    return Drop(
        id=row["id"],
        tenant=row["tenant"],
        contact=row["contact"],
        method=row["method"],
        status=row["status"],
        made_at=parse_rfc3339(row["made_at"]),
        expires_at=parse_rfc3339(row["expires_at"]),
        public=bytes(row["public"]),
        credentials=tuple(_credentials(expected)),
        question=unpacked(row["question"]),
        ended_at=parse_rfc3339(row["ended_at"]) if row["ended_at"] else None,
    )


def _credentials(rows: Sequence[Any]) -> Iterator[Received]:
    for row in rows:
        at = parse_rfc3339(row["received_at"]) if row["received_at"] else None
        yield Received(Expected(row["name"], row["kind"], row["title"]), at, row["version"])


def hashed(text: str) -> bytes:
    """Of a token or session, which are random and long: nothing slower is needed."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def packed(question: Question) -> str:
    """A question as a column's text."""
    return json.dumps(
        [question.run, question.step, question.item, question.digest, question.attempt, list(question.flow)]
    )


def unpacked(text: str | None) -> Question | None:
    """The question of `packed`."""
    if text is None:
        return None
    run, step, item, digest, attempt, flow = json.loads(text)
    return Question(run, step, item, digest, attempt, (flow[0], flow[1]))
