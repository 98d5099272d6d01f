from __future__ import annotations

import pytest

from tasks.measures.linux.clock_synchronised import ClockSynchronised
from tests.tasks.measures.linux.hosts import answered, unit

RUNS = unit("systemd-timesyncd.service")


def test_it_runs_and_it_is_right() -> None:
    assert answered(ClockSynchronised, units=RUNS, synchronised=True) == []
    assert answered(ClockSynchronised, units={}, synchronised=True) == ["nothing keeps its clock"]


@pytest.mark.parametrize("said", [False, None])
def test_one_that_is_not_said_to_be_right_is_not(said: bool | None) -> None:
    assert answered(ClockSynchronised, units=RUNS, synchronised=said) == [
        "its clock is not synchronised, although a daemon runs that should"
    ]
