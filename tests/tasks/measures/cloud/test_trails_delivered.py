from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.cloud.trails_delivered import TrailsDelivered
from tests.tasks.checks._cloud import LOOK, trails


@pytest.mark.parametrize(
    ("of", "status", "kept_off"),
    [
        ([{}], "pass", 0),
        ([{}, {"delivery_error": "AccessDenied"}], "fail", 1),
        ([{"recording": False, "delivery_error": "AccessDenied"}], "not_applicable", 0),
        ([], "not_applicable", 0),
    ],
)
def test_each_that_records_counts_and_is_named(of: list[dict[str, Any]], status: str, kept_off: int) -> None:
    fact = trails(*of)
    found = TrailsDelivered().evaluate([fact], LOOK, 1)
    assert (found.status, len(found.about)) == (status, kept_off)
    assert all("AccessDenied" in one for one in found.about)
