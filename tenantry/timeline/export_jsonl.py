"""JSON lines: one event a line, every column, texts exactly as recorded.

UTF-8, keys in the order of :data:`tenantry.timeline.columns.COLUMNS`, times RFC 3339 in UTC with microseconds. Characters
that readers of lines may split at stand as JSON escapes. https://jsonlines.org/
"""

from __future__ import annotations

from typing import BinaryIO

from tenantry.evidence import json_row
from tenantry.timeline.columns import row
from tenantry.timeline.model import Timeline

__all__ = ["export"]


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write the events; returns how many."""
    count = 0
    for event in timeline.events:
        out.write(json_row(row(event)))
        count += 1
    return count
