from __future__ import annotations

import pytest

from tasks.checks.cloud_exposure.bucket_open import BucketOpen
from tenantry.errors import CannotCheck
from tests.tasks.checks._cloud import CLOSED, HUB, OWN, STRANGER, bucket, found, policy

CHECK = BucketOpen()


def arn(account: str) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{account}:root"}


def test_everybody_and_strangers() -> None:
    assert found(CHECK, bucket(policy=policy("*", "s3:*"))) == [("critical", "b")]
    assert found(CHECK, bucket(policy=policy({"AWS": "*"}, "s3:GetObject", "s3:ListBucket"))) == [("critical", "b")]
    assert found(CHECK, bucket(policy=policy(arn(STRANGER), "s3:GetObject"))) == [("high", "b")]


def test_lists() -> None:
    assert found(CHECK, bucket(public_lists=("READ",))) == [("medium", "b")]
    assert found(CHECK, bucket(public_lists=("WRITE",))) == [("critical", "b")]


def test_a_web_site_is_said_and_no_more() -> None:
    assert found(CHECK, bucket(policy=policy("*", "s3:GetObject"))) == [("medium", "b")]


def test_what_keeps_strangers_out() -> None:
    blocked = CLOSED.model_copy(update={"restrict_buckets": True})
    assert found(CHECK, bucket(access=blocked, policy=policy("*", "s3:*"))) == []
    assert found(CHECK, bucket(policy=policy("*", "s3:*", StringEquals={"aws:PrincipalOrgID": "o-acme"}))) == []
    assert (
        found(CHECK, bucket(policy=policy("*", "s3:*", ArnLike={"aws:PrincipalArn": f"arn:aws:iam::{OWN}:role/x"})))
        == []
    )
    assert found(CHECK, bucket(policy=policy("*", "s3:*", StringEquals={"aws:SourceAccount": OWN}))) == []
    assert found(CHECK, bucket(policy=policy(arn(HUB), "s3:*"))) == []
    assert found(CHECK, bucket(policy=policy(arn(OWN), "s3:*"))) == []
    assert found(CHECK, bucket(policy=policy({"Service": "cloudfront.amazonaws.com"}, "s3:GetObject"))) == []
    assert found(CHECK, bucket()) == []


def test_guards_against_the_public_do_not_keep_a_named_stranger_out() -> None:
    blocked = CLOSED.model_copy(update={"restrict_buckets": True})
    assert found(CHECK, bucket(access=blocked, policy=policy(arn(STRANGER), "s3:*"))) == [("high", "b")]


def test_one_that_keeps_us_out_is_not_judged() -> None:
    with pytest.raises(CannotCheck):
        found(CHECK, bucket(readable=False))
