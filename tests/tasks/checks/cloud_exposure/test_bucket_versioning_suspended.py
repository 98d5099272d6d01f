from __future__ import annotations

import pytest

from tasks.checks.cloud_exposure.bucket_versioning_suspended import BucketVersioningSuspended
from tenantry.errors import CannotCheck
from tests.tasks.checks._cloud import bucket, found

CHECK = BucketVersioningSuspended()


def test_suspended() -> None:
    assert found(CHECK, bucket(versioning="suspended")) == [("medium", "b")]


def test_on_or_never_is_none() -> None:
    assert found(CHECK, bucket()) == []
    assert found(CHECK, bucket(versioning="never")) == []


def test_one_that_keeps_us_out_is_not_judged() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, bucket(readable=False))
