"""When a bucket deletes what is in it, by itself.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.aws.caller import Caller, answered
from tenantry.errors import TargetNotFound

__all__ = ["expires_days"]

_NO_RULES = "NoSuchLifecycleConfiguration"


async def expires_days(
    caller: Caller, bucket: str, owner: str, *, path: str = "", region: str | None = None
) -> int | None:
    """After how many days whatever begins with ``path`` is deleted, new versions at the latest when they are no longer the present ones;
    None: it stays.

    Raises:
        TargetNotFound: there is no such bucket. PermissionMissing: it is another account's, or may not be read.
    """
    try:
        answer = await caller.read(
            "s3", "get_bucket_lifecycle_configuration", region, Bucket=bucket, ExpectedBucketOwner=owner
        )
    except TargetNotFound as missing:
        if missing.detail.get("vendor_code") != _NO_RULES:
            raise
        return None
    days = [_days(rule, path) for rule in answered(answer, "Rules", "s3.GetBucketLifecycleConfiguration")]
    return min((one for one in days if one is not None), default=None)


def _days(rule: Mapping[str, Any], path: str) -> int | None:
    chosen = rule.get("Filter") or {}
    prefix = str(chosen.get("Prefix") or rule.get("Prefix") or "")
    # Objects of a size or with a tag are some, not all.
    if rule.get("Status") != "Enabled" or set(chosen) - {"Prefix"} or not path.startswith(prefix):
        return None
    days = (rule.get("Expiration") or {}).get("Days")
    return None if days is None else int(days)
