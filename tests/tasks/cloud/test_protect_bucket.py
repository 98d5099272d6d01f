from __future__ import annotations

from typing import Any

from tasks.cloud.protect_bucket import ProtectBucket
from tests.support.cloud import CloudTenant, ContestedCloudEffect
from tests.support.effects import Case, drive

OWN = {"Sid": "Own", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site/*"}


def prepare(tenant: CloudTenant) -> dict[str, Any]:
    policy = {"Version": "2012-10-17", "Statement": [OWN]}
    row = {"created": tenant.account.start, "versioned": True, "lock": False, "policy": policy}
    tenant.account.add("buckets", "site", row)
    return {"bucket": "site"}


class TestProtectBucket(ContestedCloudEffect):
    case = Case(
        task=ProtectBucket,
        prepare=prepare,
        writes=[("set_bucket_policy", "buckets/site/policy", None)],
        undo_writes=[("set_bucket_policy", "buckets/site/policy", None)],
        seen=lambda tenant: tenant.seen("buckets", "site")["policy"],
        upsets=lambda tenant: tenant.account.truth("buckets", "site").props.update(policy=None),
    )


async def test_what_was_there_stays_beside_it() -> None:
    tenant = CloudTenant()
    await drive(tenant, ProtectBucket(), prepare(tenant))
    own, deny, sealed = tenant.seen("buckets", "site")["policy"]["Statement"]
    assert own == OWN
    assert (deny["Effect"], "s3:DeleteObjectVersion" in deny["Action"]) == ("Deny", True)
    assert (sealed["Effect"], sealed["Action"]) == ("Deny", "s3:PutObject")
