from __future__ import annotations

from tasks.measures.cloud.buckets_guarded import BucketsGuarded
from tenantry.capabilities.cloud import EVERYTHING_BLOCKED
from tests.tasks.checks._cloud import bucket
from tests.tasks.measures.cloud.asked import asked


def test_the_guard() -> None:
    assert asked(BucketsGuarded, bucket(access=EVERYTHING_BLOCKED)) == []
    half = EVERYTHING_BLOCKED.model_copy(update={"block_policy": False})
    assert asked(BucketsGuarded, bucket(access=half)) == ["it could be opened to everybody"]
    assert asked(BucketsGuarded, bucket(readable=False)) == "a bucket's own policy keeps us from reading it"
