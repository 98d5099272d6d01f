"""`measures.cloud.buckets_versioned`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_buckets
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import OpenBucket
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class BucketsVersioned(FactMeasure[OpenBucket]):
    """What is overwritten or deleted in a bucket can be had again.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
    """

    name = "measures.cloud.buckets_versioned"
    source = cloud_buckets

    def subject(self, fact: OpenBucket) -> str:
        return fact.name

    def judge(self, fact: OpenBucket, look: Look) -> Iterable[str] | None:
        del look
        if not fact.readable:
            raise CannotCheck("a bucket's own policy keeps us from reading it")
        return [] if fact.versioning == "on" else ["it keeps no versions"]
