from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.cloud.buckets_enciphered import BucketsEnciphered
from tests.tasks.checks._cloud import bucket
from tests.tasks.measures.cloud.asked import asked

OPEN = ["it answers over connections that are not enciphered"]
BOTH = ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]


def said(**of: Any) -> Any:
    statement = {
        **{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": BOTH},
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        **of,
    }
    return asked(BucketsEnciphered, bucket(policy={"Statement": [statement]}))


@pytest.mark.parametrize(
    "of", [{}, {"Principal": {"AWS": "*"}}, {"Action": ["s3:*"]}, {"Resource": "*"}, {"Resource": "arn:aws:s3:::b*"}]
)
def test_what_is_denied_to_everybody(of: dict[str, Any]) -> None:
    assert said(**of) == []


@pytest.mark.parametrize(
    "of",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}},
        {"Action": "s3:GetObject"},
        {"Resource": "arn:aws:s3:::b/*"},
        {"Resource": "arn:aws:s3:::b/secret/*"},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}},
        {"Condition": {}},
    ],
)
def test_what_leaves_a_gap(of: dict[str, Any]) -> None:
    assert said(**of) == OPEN


def test_without_a_policy_and_one_that_may_not_be_read() -> None:
    assert asked(BucketsEnciphered, bucket()) == OPEN
    assert asked(BucketsEnciphered, bucket(readable=False)) == "a bucket's own policy keeps us from reading it"
