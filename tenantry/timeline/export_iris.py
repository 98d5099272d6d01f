"""DFIR-IRIS: the ten columns of its timeline import, one event a row (UTF-8, RFC 4180, every cell quoted).

The rules are those of the server's own import (``/case/timeline/events/csv_upload``, class ``EventSchema``,
https://github.com/dfir-iris/iris-web):

- all ten columns, in every row; ``event_date`` is ``%Y-%m-%dT%H:%M:%S.%f`` without a zone, ``event_tz`` the zone. Times are
  UTC. ``event_title`` has at least two characters.
- The file is split into lines before it is read as CSV: a line break inside a cell breaks the row. There is none.
- ``event_category`` must be one that the server has. Its own are used: ``Remediation`` for what was changed, ``Unspecified``
  for what people and the platform otherwise did, and for the attacker's acts the tactic that their kind stands for.
- ``event_assets`` (``;``) and ``event_iocs`` (``|``) must exist in the case already, or the whole file is refused: they are
  empty here, and the account stands in ``event_content`` and ``event_raw``.
- Tags are separated by ``|`` and joined with commas, so no tag holds either.

The server takes ``event_source`` from the import's options, so the source stands in ``event_raw`` too. As in the CSV for
spreadsheets, a text that a spreadsheet would run as a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
from datetime import UTC
from typing import BinaryIO, Final

from tenantry.evidence import json_row
from tenantry.timeline.columns import row, visible
from tenantry.timeline.export_csv import Encoded, cell
from tenantry.timeline.model import Lane, Timeline, TimelineEvent
from tenantry.timeline.words import clip

__all__ = ["CATEGORIES", "COLUMNS", "export"]

COLUMNS: Final = (
    *("event_date", "event_tz", "event_title", "event_category", "event_content"),
    *("event_raw", "event_source", "event_assets", "event_iocs", "event_tags"),
)

CATEGORIES: Final = {
    "sign_in": "Initial Access",
    "rule": "Defense Evasion",
    "method": "Persistence",
    "device": "Persistence",
    "consent": "Persistence",
    "delegate": "Persistence",
    "forwarding": "Exfiltration",
    "mail_read": "Collection",
    "phishing": "Lateral Movement",
    "sent": "Impact",
}
"""Kind of an attacker's act → a category that every IRIS has (its post-install list)."""
_DONE: Final = frozenset({"changed", "undone"})
_TITLE: Final = 400
_CONTENT: Final = 8_000


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write header and events; returns the number of events."""
    writer = csv.writer(Encoded(out), quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for event in timeline.events:
        writer.writerow(_row(event))
        count += 1
    return count


def _row(event: TimelineEvent) -> list[str]:
    title = cell(clip(event.title, _TITLE))
    return [
        event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "+00:00",
        title if len(title) > 1 else f"{title} ({event.kind})",
        _category(event),
        cell(_content(event)),
        clip(visible(json_row(row(event)).decode().rstrip("\n")), 32_767),
        cell(clip(f"{event.source} {event.source_id}".strip(), _TITLE)),
        "",
        "",
        "|".join(_tags(event)),
    ]


def _category(event: TimelineEvent) -> str:
    if event.lane is Lane.ATTACKER:
        return CATEGORIES.get(event.kind, "Unspecified")
    return "Remediation" if event.kind in _DONE else "Unspecified"


def _content(event: TimelineEvent) -> str:
    facts = [
        ("by", event.actor),
        ("for", event.target),
        ("phase", event.phase),
        ("step", event.step),
        ("outcome", event.outcome),
        ("certainty", event.certainty),
        ("entry", f"{event.seq}, leaf {event.leaf}"),
    ]
    told = "; ".join(f"{name}: {value}" for name, value in facts if value)
    late = "; its time is later than its record: a clock was wrong" if event.after_record else ""
    detail = clip(event.detail, _CONTENT)
    return f"{detail} [{told}{late}]" if detail else f"[{told}{late}]"


def _tags(event: TimelineEvent) -> list[str]:
    tags = ["tenantry", event.lane.value, event.certainty, event.kind, event.outcome, *event.techniques]
    if event.after_record:
        tags.append("time_after_record")
    words = ("".join(c if c.isalnum() or c in "._-:" else "_" for c in tag) for tag in tags if tag)
    return list(dict.fromkeys(words))
