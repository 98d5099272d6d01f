"""What is worked out once for events of one kin is what each of them would have by itself."""

from __future__ import annotations

import copy
import json
import random
from functools import cache
from typing import Any

import pytest

from tenantry.places import SHIPPED
from tenantry.sweep.engine import Detections
from tenantry.sweep.logs import cloudtrail
from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.model import Event

ROLE = "arn:aws:sts::111122223333:assumed-role/deploy/session"
VALUES: dict[str, list[Any]] = {
    "eventName": ["DescribeInstances", "CreateAccessKey", "StopLogging", "ConsoleLogin", "ListSecrets", "PutBucketPolicy", "AssumeRole"],
    "eventSource": ["ec2.amazonaws.com", "iam.amazonaws.com", "signin.amazonaws.com"],
    "sourceIPAddress": ["203.0.113.7", "198.51.100.9", "cloudformation.amazonaws.com"],
    "userAgent": ["aws-cli/2.17", "Boto3/1.34", None],
    "errorCode": [None, "AccessDenied", "NoSuchEntity", ""],
    "errorMessage": [None, "no", ""],
    "awsRegion": ["eu-west-1", "us-east-1", None],
    "readOnly": [True, False, None],
    "eventType": ["AwsApiCall", "AwsServiceEvent"],
    "recipientAccountId": ["111122223333", None],
    "requestParameters": [
        None,
        {"userName": "other"},
        {"userName": "kim"},
        {"bucketPolicy": {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]}},
    ],
    "responseElements": [None, {"ConsoleLogin": "Failure"}, {"ConsoleLogin": "Success"}],
    "userIdentity": [
        {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/kim", "userName": "kim", "accessKeyId": "AKIA1", "accountId": "111122223333"},
        {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/kim", "userName": "kim", "accessKeyId": "AKIA2", "accountId": "111122223333"},
        {"type": "AssumedRole", "arn": ROLE, "accessKeyId": "ASIA1", "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/deploy"}}},
        {"type": "AssumedRole", "arn": ROLE, "accessKeyId": "ASIA1", "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/path/deploy"}}},
        {"type": "AssumedRole", "arn": ROLE + "/i-0123456789abcdef0", "sessionContext": "odd"},
        {"type": "Root", "accountId": "111122223333"},
        {"type": "AWSService", "invokedBy": "config.amazonaws.com"},
    ],
}  # fmt: skip
ODD: list[Any] = [
    7,
    True,
    ["ec2.amazonaws.com"],
    {"a": "b"},
    {"type": "IAMUser", "arn": ["odd"], "userName": {"a": 1}},
    "odd",
    None,
]


def records(seed: int, count: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    found = []
    for number in range(count):
        one = {name: rng.choice(values if rng.random() < 0.98 else ODD) for name, values in VALUES.items()}
        if rng.random() < 0.05:
            one |= {"userIdentity.arn": "flat", "eventSource": "iam.amazonaws.com"}
        found.append(one | {"eventTime": f"2026-11-01T10:{number % 60:02d}:00Z", "eventID": f"e{number}"})
    # Each twice more, so that most of them meet one of their kin.
    more = [
        copy.deepcopy(one)
        | {"eventID": one["eventID"] + suffix, "requestParameters": rng.choice(VALUES["requestParameters"])}
        for suffix in "ab"
        for one in found
    ]
    return found + more


def read(rows: list[dict[str, Any]]) -> list[Event]:
    pieces = [json.dumps({"Records": rows})]
    return list(cloudtrail.read(TextStream("log", lambda: pieces.pop() if pieces else ""), Intake()))


@cache
def detections() -> Detections:
    return Detections.load("cloudtrail", (SHIPPED / "detections",))


def keys(rules: Any) -> list[str]:
    return [rule.key for rule in rules]


@pytest.mark.parametrize("seed", range(3))
def test_kin_changes_nothing(seed: int) -> None:
    rows = records(seed, 400)
    together = read(rows)
    assert sum(one.kin is not None for one in together) > len(rows) / 3
    made = detections().rules
    by_id = {row["eventID"]: row for row in rows}
    matched = 0
    for found in together:
        row = by_id[found.id]
        if row.get("readOnly") == 1 and row["readOnly"] is not True:
            continue  # a number where JSON has true: taken for it, if such a kin is known
        alone = cloudtrail.event(row)
        assert alone is not None
        assert (found.name, found.time, found.view) == (alone.name, alone.time, alone.view)
        mine, theirs = keys(made.matching(found)), keys(made.matching(alone))
        assert mine == theirs
        matched += bool(found.kin and mine)
    assert matched > 50


def test_what_a_kin_is_known_for_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudtrail, "_MOST_KIN", 5)
    intake = Intake()
    pieces = [json.dumps({"Records": records(9, 100)})]
    for _ in cloudtrail.read(TextStream("log", lambda: pieces.pop() if pieces else ""), intake):
        assert len(intake.kin) <= 5


def test_an_event_of_a_kin_has_its_own_parameters() -> None:
    row = {name: values[0] for name, values in VALUES.items()} | {
        "eventName": "CreateAccessKey",
        "eventTime": "2026-11-01T10:00:00Z",
    }
    found = read(
        [
            row | {"eventID": str(number), "requestParameters": {"userName": name}}
            for number, name in enumerate(("kim", "lee", "kim"))
        ]
    )
    assert [one.view["target_user"] for one in found] == ["kim", "lee", "kim"]
    assert [one.view["on_self"] for one in found] == [True, False, True]
    assert [one.kin is None for one in found] == [True, False, False]


@pytest.mark.parametrize("field", VALUES)
def test_a_kin_is_no_other(field: str) -> None:
    """Records that differ in one thing alone, of which the later must not be taken for one of the earlier's kin."""
    for identity in VALUES["userIdentity"]:
        base = {name: values[0] for name, values in VALUES.items()} | {
            "userIdentity": identity,
            "eventTime": "2026-11-01T10:00:00Z",
        }
        rows = [base | {field: value, "eventID": f"{number}"} for number, value in enumerate(VALUES[field] * 2)]
        for row, found in zip(rows, read(rows), strict=True):
            alone = cloudtrail.event(row)
            assert alone is not None
            assert found.view == alone.view
