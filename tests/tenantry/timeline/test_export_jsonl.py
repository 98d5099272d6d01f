from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.timeline import Timeline
from tenantry.timeline.columns import COLUMNS, row
from tenantry.timeline.export_jsonl import export


def lines(timeline: Timeline) -> list[str]:
    out = BytesIO()
    count = export(timeline, out)
    found = out.getvalue().decode().splitlines()
    assert len(found) == count
    return found


def test_every_event_as_recorded(timeline: Timeline) -> None:
    rows = [json.loads(line) for line in lines(timeline)]

    assert rows == [row(event) for event in timeline.events]
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["at"] == "2026-11-19T01:09:04.250000Z"


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(), max_size=80))
def test_hostile_text_comes_back_unaltered(hostile: Callable[[str], Timeline], text: str) -> None:
    for line in lines(hostile(text)):
        read = json.loads(line)
        assert (read["title"], read["detail"], read["actor"], read["target"]) == (text, text, text, text)
