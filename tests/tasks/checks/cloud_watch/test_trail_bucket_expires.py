from __future__ import annotations

import pytest

from tasks.checks.cloud_watch.trail_bucket_expires import TrailBucketExpires
from tenantry.errors import CannotCheck
from tests.tasks.checks._cloud import found, trails

CHECK = TrailBucketExpires()


@pytest.mark.parametrize(("days", "severity"), [(1, "high"), (7, "high"), (8, "medium"), (29, "medium")])
def test_within_days(days: int, severity: str) -> None:
    assert found(CHECK, trails({"expires_days": days})) == [(severity, "logs")]


def test_a_month_or_never_is_none() -> None:
    assert found(CHECK, trails({"expires_days": 30}, {"expires_days": 365}, {})) == []
    assert found(CHECK, trails()) == []
    assert found(CHECK, trails({"own": False, "bucket_known": False})) == []


def test_a_bucket_that_may_not_be_read_is_not_judged() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, trails({"bucket_known": False}))
