from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.cloud.trails_record import TrailsRecord
from tests.tasks.checks._cloud import LOOK, trails


@pytest.mark.parametrize(
    ("of", "status", "stopped"),
    [
        ([{}], "pass", 0),
        ([{}, {"recording": False}], "fail", 1),
        ([{"recording": False}], "fail", 1),
        ([], "not_applicable", 0),
    ],
)
def test_each_of_them_counts_and_is_named(of: list[dict[str, Any]], status: str, stopped: int) -> None:
    fact = trails(*of)
    found = TrailsRecord().evaluate([fact], LOOK, 1)
    assert (found.status, len(found.about)) == (status, stopped)
    assert set(found.about) == {trail.id for trail in fact.trails if not trail.recording}


def test_what_was_not_read_is_no_pass() -> None:
    assert TrailsRecord().evaluate([], LOOK, 0).status == "not_applicable"
