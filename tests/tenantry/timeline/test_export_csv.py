from __future__ import annotations

import csv
from collections.abc import Callable
from io import BytesIO, StringIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tenantry.timeline import Timeline
from tenantry.timeline.columns import COLUMNS, visible
from tenantry.timeline.export_csv import MAX_CELL, cell, export


def rows(timeline: Timeline) -> list[dict[str, str]]:
    out = BytesIO()
    count = export(timeline, out)
    text = out.getvalue().decode()
    assert text.count("\r\n") == count + 1 == len(text.splitlines())  # no cell has a line break of any kind
    return list(csv.DictReader(StringIO(text, newline="")))


def test_a_row_an_event(timeline: Timeline) -> None:
    found = rows(timeline)

    assert tuple(found[0]) == COLUMNS
    assert len(found) == len(list(timeline.events))
    assert found[0]["title"] == "Signed in from Romania as anna.berg@acme.example"
    assert found[0]["techniques"] == "T1078.004"
    assert {row["time_after_record"] for row in found} == {"no"}


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(), max_size=80))
@example(text="=cmd|'/c calc'!A1")
@example(text="\t=1+1")
@example(text="＝1+1")
@example(text="'=1+1")
@example(text='a","b\r\n=1')
@example(text="\u202e\ud800\x00\u2028")
def test_hostile_text_is_told_and_does_nothing(hostile: Callable[[str], Timeline], text: str) -> None:
    for row in rows(hostile(text)):
        shown = row["title"]
        assert not shown.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
        assert (shown[1:] if shown.startswith("'") else shown) == visible(text)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "'x", "＝1"])
def test_taking_the_apostrophe_away_gives_the_text_back(text: str) -> None:
    assert cell(text)[0] == "'"
    assert cell(text)[1:] == visible(text)


def test_a_cell_is_no_longer_than_a_spreadsheet_takes() -> None:
    assert len(cell("=" * 100_000)) == MAX_CELL
    assert cell("=" * 100_000).endswith("…")
