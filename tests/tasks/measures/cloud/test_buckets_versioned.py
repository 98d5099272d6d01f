from __future__ import annotations

from tasks.measures.cloud.buckets_versioned import BucketsVersioned
from tests.tasks.checks._cloud import bucket
from tests.tasks.measures.cloud.asked import asked


def test_versions() -> None:
    assert asked(BucketsVersioned, bucket()) == []
    assert asked(BucketsVersioned, bucket(versioning="suspended")) == ["it keeps no versions"]
    assert asked(BucketsVersioned, bucket(readable=False)) == "a bucket's own policy keeps us from reading it"
