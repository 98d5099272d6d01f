from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tenantry.timeline import Timeline
from tenantry.timeline.export_md import escape, export


def written(timeline: Timeline) -> str:
    out = BytesIO()
    assert export(timeline, out) == len(list(timeline.events))
    return out.getvalue().decode()


def test_the_sections_of_the_report(timeline: Timeline) -> None:
    headings = re.findall(r"^## (.*)$", written(timeline), re.M)
    assert headings == [
        *("What happened", "What is not known", "Turning points", "Durations", "Notification clocks"),
        *("What the attacker did", "Found and put down to the attacker", "Found and left for a person to judge"),
        *("Found and kept as the person's own", "Decisions of people", "Steps", "Evidence", "All events"),
        "About this record",
    ]


def test_every_event_is_a_row(timeline: Timeline) -> None:
    body = written(timeline).split("## All events")[1].split("## About")[0]
    assert len([line for line in body.splitlines() if line.startswith("| 2026")]) == len(list(timeline.events))


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(), max_size=60))
@example(text="](javascript:alert(1)) ![x](http://evil.example/p.png) <img src=x>")
@example(text="a|b\n\n# heading\n- item\n```\n")
@example(text="http://evil.example www.evil.example a@evil.example")
def test_hostile_text_stays_text(hostile: Callable[[str], Timeline], text: str) -> None:
    page = written(hostile(text))
    plain = re.sub(r"\\.", "", page)  # what is left is what Markdown acts upon

    assert "<" not in plain
    assert "](" not in plain
    assert "![" not in plain
    assert "://" not in plain
    assert len(re.findall(r"^# ", page, re.M)) == 1
    for line in page.splitlines():
        if line.startswith("|"):
            cells = re.sub(r"\\.", "", line).count("|")
            assert cells in {3, 4, 5, 6, 7, 8, 9}


def test_rows_of_a_table_have_as_many_cells_as_its_head(hostile: Callable[[str], Timeline]) -> None:
    width = 0
    for line in written(hostile("a|b | c\n|")).splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = re.sub(r"\\.", "", line).count("|")
        width = width or cells
        assert cells == width, line


def test_escaping() -> None:
    assert escape("a*b_c|d") == r"a\*b\_c\|d"
    assert escape("- item") == r"\- item"
    assert escape("1. item") == r"1\. item"
    assert escape("http://www.x.example") == r"http\://www\.x.example"
    assert escape("anna@acme.example (home): 9:30") == "anna@acme.example (home): 9:30"
    assert escape("<b>&amp;") == "&lt;b&gt;&amp;amp;"
