"""`measures.cloud.buckets_enciphered`"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tasks.checks._collect.cloud import cloud_buckets
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import OpenBucket
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class BucketsEnciphered(FactMeasure[OpenBucket]):
    """A bucket answers nobody over a connection that others can listen in on: its policy denies everything where ``aws:SecureTransport`` is false.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """

    name = "measures.cloud.buckets_enciphered"
    source = cloud_buckets

    def subject(self, fact: OpenBucket) -> str:
        return fact.name

    def judge(self, fact: OpenBucket, look: Look) -> Iterable[str] | None:
        del look
        if not fact.readable:
            raise CannotCheck("a bucket's own policy keeps us from reading it")
        statements = (fact.policy or {}).get("Statement", [])
        held = statements if isinstance(statements, list) else [statements]
        covered = {one for statement in held for one in _denied(statement, fact.name)}
        return [] if {"bucket", "objects"} <= covered else ["it answers over connections that are not enciphered"]


def _denied(statement: Mapping[str, Any], name: str) -> set[str]:
    """Of what a statement denies every request that is not enciphered: of the bucket, of its objects."""
    condition = statement.get("Condition", {})
    secure = {
        str(value).lower()
        for kind, keys in condition.items()
        if kind.lower() == "bool"
        for key, found in keys.items()
        if key.lower() == "aws:securetransport"
        for value in _listed(found)
    }
    alone = len(condition) == 1 and all(len(keys) == 1 for keys in condition.values())
    everybody = statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
    everything = {"*", "s3:*"} & {str(action).lower() for action in _listed(statement.get("Action", []))}
    if statement.get("Effect") != "Deny" or secure != {"false"} or not alone or not everybody or not everything:
        return set()
    resources = {str(one).rpartition(":::")[2] or str(one) for one in _listed(statement.get("Resource", []))}
    return ({"bucket"} if {"*", name, f"{name}*"} & resources else set()) | (
        {"objects"} if {"*", f"{name}/*", f"{name}*"} & resources else set()
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
