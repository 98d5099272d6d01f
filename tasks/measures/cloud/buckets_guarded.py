"""`measures.cloud.buckets_guarded`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_buckets
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import OpenBucket
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class BucketsGuarded(FactMeasure[OpenBucket]):
    """No bucket can be opened to everybody by mistake: its own guard, or the account's, blocks that.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """

    name = "measures.cloud.buckets_guarded"
    source = cloud_buckets

    def subject(self, fact: OpenBucket) -> str:
        return fact.name

    def judge(self, fact: OpenBucket, look: Look) -> Iterable[str] | None:
        del look
        if not fact.readable:
            raise CannotCheck("a bucket's own policy keeps us from reading it")
        return [] if fact.access.blocked else ["it could be opened to everybody"]
