"""`checks.cloud_exposure.bucket_empties_itself`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_buckets
from tenantry.capabilities import OpenBucket
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class BucketEmptiesItself(Check[OpenBucket]):
    """Everything in a bucket is deleted after a day: how much is destroyed without one call that deletes.

    ATT&CK T1485.001, T1485; https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html
    """

    name = "checks.cloud_exposure.bucket_empties_itself"
    title = "Bucket deletes everything after a day"
    severity = "medium"
    attack = ("T1485.001", "T1485")
    remedy = "Take the rule away at once, unless the bucket is for scratch; restore from versions or backups."
    collect = cloud_buckets

    def evaluate(self, fact: OpenBucket, look: Look) -> Iterable[Finding]:
        if not fact.readable:
            raise CannotCheck("a bucket's own policy keeps us from reading it")
        if fact.expires_days is not None and fact.expires_days <= 1:
            yield self.finding(("bucket", fact.name), f"everything in it is deleted after {fact.expires_days} day")
