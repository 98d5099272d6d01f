from __future__ import annotations

from datetime import timedelta

from tasks.checks.cloud_activity.new_origin_then_sensitive import NewOriginThenSensitive
from tests.support.aws_gaps import record
from tests.tasks.checks._cloud_log import NOW, status

BEGUN = NOW - timedelta(days=3)
USUAL = [record("DescribeInstances", BEGUN + timedelta(hours=n), source="ec2", ip="198.51.100.7") for n in range(30)]
THEIRS = [
    record(operation, BEGUN + timedelta(hours=31), ip="203.0.113.66", agent="Boto3/1.34 Python/3.11")
    for operation in ("CreateUser", "CreateAccessKey")
]


async def test_a_new_origin_after_days_of_work() -> None:
    assert await status([*USUAL, *THEIRS], NewOriginThenSensitive()) == "fail"


async def test_the_usual_origin_and_an_account_without_a_past_are_none() -> None:
    at_home = [one | {"sourceIPAddress": "198.51.100.7"} for one in THEIRS]
    assert await status([*USUAL, *at_home], NewOriginThenSensitive()) == "pass"
    assert await status(THEIRS, NewOriginThenSensitive()) == "pass"
    assert await status([], NewOriginThenSensitive()) == "unknown"
