from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from tenantry.timeline import Timeline
from tenantry.timeline.clock_bars import bars


def test_a_bar_a_clock_with_words_beside_it(timeline: Timeline) -> None:
    html = "".join(bars(timeline.clocks, timeline.record.as_of))

    assert html.count('class="clock"') == 3
    assert ">11 min too late<" in html
    assert ">3 h 59 min to spare<" in html
    assert ">66 h 9 min left<" in html
    assert "as of 2026-11-20 09:38:25 UTC" in html


def test_bars_stay_inside_whatever_the_times(timeline: Timeline) -> None:
    clock = timeline.clocks[0]
    for due in (timedelta(0), timedelta(microseconds=1), timedelta(days=4000)):
        odd = replace(clock, due_at=clock.started_at + due, seen_at=clock.started_at - timedelta(days=1))
        widths = [float(w) for w in re.findall(r'width="([\d.]+)"', "".join(bars([odd], clock.due_at)))]
        assert all(0 <= width <= 600 for width in widths)
