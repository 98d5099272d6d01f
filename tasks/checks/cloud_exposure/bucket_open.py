"""`checks.cloud_exposure.bucket_open`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.cloud import cloud_buckets
from tasks.checks._policies import Entrance, entrances
from tenantry.capabilities import OpenBucket
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_SITE: Final = frozenset({"s3:getobject", "s3:getobjectversion"})
_WRITING: Final = ("WRITE", "WRITE_ACP", "FULL_CONTROL")


class BucketOpen(Check[OpenBucket]):
    """A bucket lets in everybody, or an account that nobody named. Files that everybody may read may be a web site; what everybody may write or list is none.

    ATT&CK T1530, T1537; https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """

    name = "checks.cloud_exposure.bucket_open"
    title = "Bucket open to strangers"
    severity = "high"
    attack = ("T1530", "T1537")
    remedy = "Put the old policy back, block public access, and look for what was read."
    collect = cloud_buckets

    def evaluate(self, fact: OpenBucket, look: Look) -> Iterable[Finding]:
        if not fact.readable:
            raise CannotCheck("a bucket's own policy keeps us from reading it")
        for entrance in entrances(fact.policy, fact.account, look.known):
            if fact.organization and fact.organization.lower() in entrance.conditions:
                continue
            everybody = entrance.who == "*"
            if everybody and fact.access.restrict_buckets:
                continue
            yield self._found(fact, entrance, everybody=everybody)
        for right in fact.public_lists:
            yield self.finding(
                ("bucket", fact.name),
                f"its list gives everybody {right}",
                severity="critical" if right in _WRITING else "medium",
            )

    def _found(self, fact: OpenBucket, entrance: Entrance, *, everybody: bool) -> Finding:
        site = everybody and set(entrance.actions) <= _SITE
        return self.finding(
            ("bucket", fact.name),
            f"its policy lets {'everybody' if everybody else entrance.who} do {', '.join(entrance.actions)}",
            severity="medium" if site else "critical" if everybody else None,
            account=entrance.who,
            actions=list(entrance.actions),
        )
