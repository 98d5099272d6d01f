"""Timesketch: JSON lines with ``message``, ``datetime`` and ``timestamp_desc``, and everything else as further columns.

The rules are those of the server's own reader (``read_and_validate_jsonl``,
https://github.com/google/timesketch/blob/master/timesketch/lib/utils.py) and of its index:

- ``message``, ``datetime``, ``timestamp_desc`` in every line; ``datetime`` is ISO 8601 with an offset; ``timestamp`` is
  microseconds since 1970 and the same instant. A row that breaks this is dropped or moved to 1970 without a word.
- Names that begin with ``_`` are removed, so none does. ``tag`` is a list of texts.
- A field has one type in all rows: an index refuses a row that differs. Numbers: ``timestamp``, ``seq``; lists of texts:
  ``tag``, ``techniques``; all else is text.
- A text beyond 32,766 bytes is refused by the index with its whole row: longer ones are cut, with ``…``.

The file's name must end in ``.jsonl``.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import BinaryIO, Final

from tenantry.evidence import json_row
from tenantry.timeline.columns import Row, message, row, visible
from tenantry.timeline.model import Lane, Timeline, TimelineEvent
from tenantry.timeline.words import human_name

__all__ = ["export"]

MAX_BYTES: Final = 32_766
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write the events; returns how many."""
    count = 0
    for event in timeline.events:
        fields = _row(timeline, event)
        line = json_row(fields)
        if len(line) > MAX_BYTES:  # else no text of it can be longer
            line = json_row({name: _cut(value) if isinstance(value, str) else value for name, value in fields.items()})
        out.write(line)
        count += 1
    return count


def _row(timeline: Timeline, event: TimelineEvent) -> Row:
    columns = row(event)
    at = str(columns.pop("at"))
    after_record = bool(columns["time_after_record"])
    columns["time_after_record"] = "yes" if after_record else "no"
    since = event.at - _EPOCH
    described, data_type, tags = _sort(
        event.lane, event.kind, event.outcome, event.certainty, event.source, event.techniques, after_record
    )
    return {
        "message": visible(message(event)),
        "datetime": f"{at[:-1]}+00:00",
        "timestamp": (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds,
        "timestamp_desc": described,
        "data_type": data_type,
        "tag": tags,
        "run_id": timeline.run_id,
        "tenant": timeline.tenant,
        "runbook": timeline.runbook,
        **columns,
    }


@functools.lru_cache(maxsize=1024)  # a run of a million events has a few dozen sorts of them
def _sort(
    lane: Lane, kind: str, outcome: str, certainty: str, source: str, techniques: tuple[str, ...], after_record: bool
) -> tuple[str, str, list[str]]:
    """What kind of time it is, the type of data, and the tags."""
    if lane is Lane.ATTACKER:
        described = f"Attacker activity, time of the {visible(source)}"
    elif certainty == "stated":
        described = "Time stated by a person"
    else:
        described = f"Recorded: {human_name(_word(kind)).lower()}"
    tags = [lane.value, certainty]
    if outcome:
        tags.append(_word(outcome))
    if after_record:
        tags.append("time_after_record")
    return described, f"tenantry:{lane.value}:{_word(kind)}", [*tags, *techniques]


def _word(text: str) -> str:
    """A code as one word: tags and types are matched, not read."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in text) or "event"


def _cut(text: str) -> str:
    if len(text) * 4 <= MAX_BYTES:  # no character takes more than four bytes
        return text
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= MAX_BYTES else raw[: MAX_BYTES - 3].decode("utf-8", "ignore") + "…"
