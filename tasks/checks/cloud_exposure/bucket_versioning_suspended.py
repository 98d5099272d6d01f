"""`checks.cloud_exposure.bucket_versioning_suspended`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_buckets
from tenantry.capabilities import OpenBucket
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class BucketVersioningSuspended(Check[OpenBucket]):
    """A bucket kept old versions and does not any more: what is overwritten is lost.

    ATT&CK T1490; https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
    """

    name = "checks.cloud_exposure.bucket_versioning_suspended"
    title = "Versioning suspended"
    severity = "medium"
    attack = ("T1490",)
    remedy = "Switch versioning on again, and see who suspended it."
    collect = cloud_buckets

    def evaluate(self, fact: OpenBucket, look: Look) -> Iterable[Finding]:
        if not fact.readable:
            raise CannotCheck("a bucket's own policy keeps us from reading it")
        if fact.versioning == "suspended":
            yield self.finding(("bucket", fact.name), "it does not keep old versions any more")
