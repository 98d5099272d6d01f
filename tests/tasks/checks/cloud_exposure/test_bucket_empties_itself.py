from __future__ import annotations

import pytest

from tasks.checks.cloud_exposure.bucket_empties_itself import BucketEmptiesItself
from tenantry.errors import CannotCheck
from tests.tasks.checks._cloud import bucket, found

CHECK = BucketEmptiesItself()


def test_after_a_day() -> None:
    assert found(CHECK, bucket(expires_days=1)) == [("medium", "b")]


def test_later_or_never_is_none() -> None:
    assert found(CHECK, bucket(expires_days=7)) == []
    assert found(CHECK, bucket()) == []


def test_one_that_keeps_us_out_is_not_judged() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, bucket(readable=False))
