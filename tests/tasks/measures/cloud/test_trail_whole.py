from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.cloud.trail_whole import TrailWhole
from tests.tasks.checks._cloud import trails
from tests.tasks.measures.cloud.asked import asked


@pytest.mark.parametrize(
    ("of", "wrong"),
    [
        ([{}], []),
        ([{"recording": False}, {}], []),
        ([], ["no trail records every region"]),
        ([{"recording": False}], ["no trail records every region"]),
        ([{"every_region": False}], ["no trail records every region"]),
        ([{"global_services": False}], ["no trail records every region"]),
        ([{"delivery_error": "AccessDenied"}], ["no trail records every region"]),
        ([{"reads": False}], ["all leaves events out, or does not say that it does not"]),
        ([{"writes": None}], ["all leaves events out, or does not say that it does not"]),
        ([{"excluded": ("kms.amazonaws.com",)}], ["all leaves events out, or does not say that it does not"]),
    ],
)
def test_one_that_is_whole_is_enough(of: list[dict[str, Any]], wrong: list[str]) -> None:
    assert asked(TrailWhole, trails(*of)) == wrong
