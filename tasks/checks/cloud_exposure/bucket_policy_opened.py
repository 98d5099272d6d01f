"""`checks.cloud_exposure.bucket_policy_opened`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class BucketPolicyOpened(LogCheck):
    """A bucket's policy or list lets a stranger or everybody in, or the guard against that was taken away.

    ATT&CK T1530, T1537; https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
    """

    name = "checks.cloud_exposure.bucket_policy_opened"
    title = "Bucket opened"
    severity = "high"
    attack = ("T1530", "T1537")
    remedy = "Put the old policy and the guard back, and look for what was read."
    collect = cloud_events
    rules = ("aws_bucket_opened", "aws_public_access_unblocked", "aws_bucket_copied_outside")
