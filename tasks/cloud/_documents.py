"""Merging and taking apart policy documents, without a vendor. Grammar: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

DENY_DELETE = "TenantryDenyDelete"
"""Sid of the statement by which a bucket keeps what is in it."""
DENY_CUSTOMER_KEYS = "TenantryDenyCustomerKeys"
"""Sid of the statement by which nobody writes what only they can read again."""
_ACCOUNT = re.compile(r"^(?:arn:[a-z-]+:(?:iam|sts)::)?(\d{12})(?::|$)")


def statements(document: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """A document's statements; a single one need not be in a list."""
    found = (document or {}).get("Statement")
    found = [found] if isinstance(found, Mapping) else found
    return [dict(statement) for statement in found or () if isinstance(statement, Mapping)]


def with_deny_delete(document: Mapping[str, Any] | None, bucket: str) -> dict[str, Any]:
    """The bucket's policy with two statements more: nobody deletes objects, versions or the bucket, or has them expire; and nobody writes with
    a key of their own (SSE-C), as which ransomware overwrites what it can. What was there stays.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
    """
    deny = {
        "Sid": DENY_DELETE,
        "Effect": "Deny",
        "Principal": "*",
        "Action": [
            *("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:DeleteBucket"),
            *("s3:PutLifecycleConfiguration", "s3:PutBucketVersioning"),
        ],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    sealed = {
        "Sid": DENY_CUSTOMER_KEYS,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
    }
    ours = (DENY_DELETE, DENY_CUSTOMER_KEYS)
    kept = [statement for statement in statements(document) if statement.get("Sid") not in ours]
    return {"Version": "2012-10-17", **(document or {}), "Statement": [*kept, deny, sealed]}


def with_kept_points(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """A backup vault's policy with a statement more: nobody deletes recovery points or the vault, or has them expire. What was there stays.
    https://docs.aws.amazon.com/aws-backup/latest/devguide/create-a-vault-access-policy.html"""
    deny = {
        "Sid": DENY_DELETE,
        "Effect": "Deny",
        "Principal": "*",
        "Action": [
            *("backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle", "backup:DisassociateRecoveryPoint"),
            *("backup:DeleteBackupVault", "backup:DeleteBackupVaultLockConfiguration"),
        ],
        "Resource": "*",
    }
    kept = [statement for statement in statements(document) if statement.get("Sid") != DENY_DELETE]
    return {"Version": "2012-10-17", **(document or {}), "Statement": [*kept, deny]}


def principals_of(document: Mapping[str, Any] | None) -> set[str]:
    """Every AWS principal that a trust policy allows, as it stands there."""
    found: set[str] = set()
    for statement in statements(document):
        if statement.get("Effect") == "Allow":
            found.update(_aws(statement))
    return found


def without_principals(document: Mapping[str, Any], gone: Iterable[str]) -> dict[str, Any]:
    """A trust policy without these principals; a statement that trusts nobody any more is left out."""
    unwanted, kept = set(gone), []
    for statement in statements(document):
        mine = _aws(statement)
        left = [name for name in mine if name not in unwanted]
        if statement.get("Effect") != "Allow" or len(left) == len(mine):
            kept.append(statement)
            continue
        principal = statement.get("Principal")
        others = {k: v for k, v in principal.items() if k != "AWS"} if isinstance(principal, Mapping) else {}
        if left:
            others["AWS"] = left[0] if len(left) == 1 else left
        if others:
            kept.append({**statement, "Principal": others})
    return {**document, "Statement": kept}


def account_of(principal: str) -> str:
    """Which account a principal of a trust policy belongs to; empty where that cannot be told (``*``, a unique id)."""
    found = _ACCOUNT.match(principal)
    return found.group(1) if found else ""


def _aws(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal")
    if principal == "*":
        return ["*"]
    found = principal.get("AWS") if isinstance(principal, Mapping) else None
    return [found] if isinstance(found, str) else [str(name) for name in found or ()]
