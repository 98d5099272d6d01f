from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tenantry.timeline import Timeline
from tenantry.timeline.picture import LEFT, WIDTH, _Labels, draw, legend

LABELS = st.lists(st.tuples(st.floats(LEFT, 1140), st.floats(20, 260)), max_size=40)


@given(marks=LABELS, flat=st.booleans())
def test_neither_labels_nor_leaders_cross_a_label(marks: list[tuple[float, float]], flat: bool) -> None:
    labels = _Labels(7, WIDTH, flat=flat)
    placed = []
    for x, width in marks:
        place = labels.place(x, width)
        if place is not None:
            level, flipped, fits = place
            placed.append((x, level, (x - 4 - fits, x - 4) if flipped else (x + 4, x + 4 + fits)))

    for x, level, (left, right) in placed:
        assert left >= LEFT - 20
        assert right <= WIDTH
        for other_x, other_level, (other_left, other_right) in placed:
            if (x, level, left) == (other_x, other_level, other_left):
                continue
            assert level != other_level or right <= other_left or other_right <= left
            assert other_level < level or not left < other_x < right  # its leader comes down through this label


def test_nothing_to_draw(timeline: Timeline) -> None:
    assert draw(replace(timeline, events=[])) == ""


def test_what_was_not_drawn_is_written(timeline: Timeline) -> None:
    picture = draw(timeline)
    assert "11 h 30 min not drawn" in picture
    for moment in timeline.moments:
        assert f">{moment.label}</text>" in picture


def test_trouble_is_not_hidden_in_a_crowd(timeline: Timeline, make: Callable[..., Timeline]) -> None:
    crowded = draw(make(spray=400))
    assert crowded.count('class="mark unknown"') == 4
    assert 'class="mark unknown"' not in draw(timeline)


def test_the_legend_names_every_shape() -> None:
    assert legend().count("<li>") == 14
