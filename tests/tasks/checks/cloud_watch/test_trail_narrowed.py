from __future__ import annotations

import pytest

from tasks.checks.cloud_watch.trail_narrowed import TrailNarrowed
from tenantry.errors import CannotCheck
from tests.tasks.checks._cloud import found, trails

CHECK = TrailNarrowed()


@pytest.mark.parametrize(
    ("less", "severity"),
    [
        ({"writes": False}, "high"),
        ({"global_services": False}, "high"),
        ({"reads": False}, "medium"),
        ({"every_region": False}, "medium"),
        ({"excluded": ("iam.amazonaws.com",)}, "medium"),
    ],
)
def test_the_only_one_leaves_something_out(less: dict[str, object], severity: str) -> None:
    assert found(CHECK, trails(less)) == [(severity, "t")]
    assert found(CHECK, trails(less, {"recording": False})) == [(severity, "t")]


def test_beside_a_whole_one_it_is_none() -> None:
    assert found(CHECK, trails({"writes": False}, {"id": "whole"})) == []
    assert found(CHECK, trails({"excluded": ("kms.amazonaws.com", "rdsdata.amazonaws.com")})) == []
    assert found(CHECK, trails()) == []


def test_what_another_accounts_trail_records_is_not_judged() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, trails({"writes": False}, {"own": False, "reads": None, "writes": None}))
