"""`checks.cloud_exposure.versions_given_up`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class VersionsGivenUp(LogCheck):
    """A bucket no longer keeps old versions.

    ATT&CK T1490; https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html
    """

    name = "checks.cloud_exposure.versions_given_up"
    title = "Versioning suspended"
    severity = "medium"
    attack = ("T1490",)
    remedy = "Switch versioning on again, and see who suspended it."
    collect = cloud_events
    rules = ("aws_versioning_suspended",)
