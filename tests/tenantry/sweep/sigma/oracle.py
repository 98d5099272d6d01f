"""pysigma-backend-sqlite as a second opinion: the same rules over the same events, through SQL.

Columns are flattened paths. SQL knows no lists, so events for the oracle have scalars alone.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from typing import Any

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule

__all__ = ["flat", "sqlite_alerts", "sqlite_hits"]


def flat(data: Any, path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            found.update(flat(value, name))
        elif isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif value is not None and not isinstance(value, list):
            found[name] = value
    return found


def table(events: Sequence[dict[str, Any]], time: str) -> sqlite3.Connection:
    rows = [flat(event) for event in events]
    columns = sorted({name for row in rows for name in row} | {time})
    merged = {name.lower(): name for name in columns}
    assert len(merged) == len(columns), "SQL's columns have no case"
    db = sqlite3.connect(":memory:")
    db.create_function(
        "regexp", 2, lambda pattern, value: value is not None and re.search(pattern, str(value)) is not None
    )
    quoted = ", ".join('"' + name.replace('"', '""') + '" COLLATE NOCASE' for name in columns)
    db.execute(f"CREATE TABLE logs ({quoted})")
    db.executemany(
        f"INSERT INTO logs VALUES ({','.join('?' * len(columns))})",
        [[row.get(name) for name in columns] for row in rows],
    )
    return db


def sqlite_hits(
    collection: SigmaCollection, events: Sequence[dict[str, Any]], time: str = "eventTime"
) -> dict[str, set[int]]:
    """Title → numbers of the events that match."""
    db = table(events, time)
    backend = sqliteBackend(timestamp_field=time)
    found: dict[str, set[int]] = {}
    for rule in collection.rules:
        if isinstance(rule, SigmaCorrelationRule):
            continue
        names = {row[1].lower() for row in db.execute("PRAGMA table_info(logs)")}
        for name in backend.required_fields(rule):
            if name.lower() not in names:
                db.execute(f'ALTER TABLE logs ADD COLUMN "{name}" TEXT COLLATE NOCASE')
                names.add(name.lower())
        found[rule.title] = set()
        for query in backend.convert_rule(rule):
            where = query.partition(" WHERE ")[2]
            found[rule.title] |= {row[0] - 1 for row in db.execute(f"SELECT rowid FROM logs WHERE {where}")}
    db.close()
    return found


def sqlite_alerts(
    collection: SigmaCollection, events: Sequence[dict[str, Any]], time: str = "eventTime"
) -> dict[str, dict[tuple[str, ...], set[int]]]:
    """Title of a correlation → group → numbers of the events of its alerts."""
    db = table(events, time)
    backend = sqliteBackend(timestamp_field=time)
    found: dict[str, dict[tuple[str, ...], set[int]]] = {}
    for rule in collection.rules:
        queries = (
            backend.convert_rule(rule)
            if not isinstance(rule, SigmaCorrelationRule)
            else backend.convert_correlation_rule(rule)
        )
        if not isinstance(rule, SigmaCorrelationRule):
            continue
        groups = found.setdefault(rule.title, {})
        for query in queries:
            cursor = db.execute(query)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                alert = dict(zip(names, row, strict=True))
                keys = json.loads(alert["group_keys"])
                key = tuple(str(value) for value in (keys.values() if isinstance(keys, dict) else keys))
                ids = {int(str(id).rpartition(":")[2]) - 1 for id in json.loads(alert["event_ids"])}
                groups.setdefault(key, set()).update(ids)
    db.close()
    return found
