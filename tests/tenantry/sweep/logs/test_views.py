"""What readers make of records as vendors write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tenantry.sweep.logs import cloudtrail, entra, sshd, ual
from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.logs.m365_policies import lookalike
from tenantry.sweep.logs.values import address, client_family, network, seconds


def text_of(text: str) -> TextStream:
    pieces = [text]
    return TextStream("log", lambda: pieces.pop() if pieces else "")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-22T10:00:00Z", 1795341600.0),
        ("2026-11-22T10:00:00", 1795341600.0),
        ("2026-11-22T10:00:00.5Z", 1795341600.5),
        ("2026-11-22T12:00:00+02:00", 1795341600.0),
        ("11/22/2026 10:00:00 AM", 1795341600.0),
        (1795341600000, 1795341600.0),
        ("yesterday", None),
        ("2026-13-40T10:00:00Z", None),
        (None, None),
    ],
)
def test_times(text: Any, wanted: float | None) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("62.149.20.10:33758", "62.149.20.10"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("s3.amazonaws.com", "s3.amazonaws.com"),
    ],
)
def test_addresses(text: str, wanted: str) -> None:
    assert address(text) == wanted


def test_neighbourhoods_and_families() -> None:
    assert network("62.149.20.10") == "62.149.0.0/16"
    assert network("rds.amazonaws.com") == "rds.amazonaws.com"
    assert client_family("Boto3/1.26.165 Python/3.10") == client_family("Boto3/1.99 Python/3.13")
    assert client_family("Mozilla/5.0 (iPhone; CPU) Safari/1") == "browser safari ios"


@pytest.mark.parametrize(
    ("identity", "actor", "kind"),
    [
        ({"type": "IAMUser", "arn": "arn:aws:iam::1:user/a"}, "arn:aws:iam::1:user/a", "user"),
        ({"type": "AWSService", "invokedBy": "rds.amazonaws.com"}, "rds.amazonaws.com", "service"),
        (
            {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::1:assumed-role/r/s1",
                "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/r"}},
            },
            "arn:aws:iam::1:role/r",
            "role",
        ),
        (
            {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::1:assumed-role/r/i-0123456789abcdef0",
                "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/r"}},
            },
            "arn:aws:iam::1:role/r/i-0123456789abcdef0",
            "role",
        ),
        (
            {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::1:assumed-role/AWSServiceRoleForX/s",
                "sessionContext": {
                    "sessionIssuer": {"arn": "arn:aws:iam::1:role/aws-service-role/x/AWSServiceRoleForX"}
                },
            },
            "arn:aws:iam::1:role/aws-service-role/x/AWSServiceRoleForX",
            "service",
        ),
        ({"type": "Root", "arn": "arn:aws:iam::1:root"}, "arn:aws:iam::1:root", "root"),
        ({"type": "AWSAccount", "principalId": "anonymous"}, "anonymous", "anonymous"),
        ({}, "unknown", "unknown"),
        (None, "unknown", "unknown"),
    ],
)
def test_who_acts_in_amazon(identity: Any, actor: str, kind: str) -> None:
    made = cloudtrail.event({"eventName": "X", "eventTime": "2026-11-22T10:00:00Z", "userIdentity": identity})
    assert made is not None
    assert (made.view["actor"], made.view["actor_type"]) == (actor, kind)


def test_what_lookup_events_answers() -> None:
    inner = {"eventName": "X", "eventTime": "2026-11-22T10:00:00Z", "eventID": "e1"}
    text = json.dumps({"Events": [{"EventId": "e1", "CloudTrailEvent": json.dumps(inner)}]})
    assert [event.id for event in cloudtrail.read(text_of(text), Intake())] == ["e1"]


def test_records_of_any_shape_are_counted_and_never_raise() -> None:
    odd = [
        {"eventName": 5},
        {"eventName": "X"},
        {
            "eventName": "X",
            "eventTime": "2026-11-22T10:00:00Z",
            "userIdentity": [],
            "requestParameters": "x",
            "sourceIPAddress": {},
            "responseElements": [],
        },
    ]
    intake = Intake()
    assert len(list(cloudtrail.read(text_of(json.dumps(odd)), intake))) == 1
    assert intake.rows_unreadable == 2
    strange: dict[str, Any] = {
        "Operation": "New-InboxRule",
        "CreationTime": "2026-11-22T10:00:00",
        "Parameters": "x",
        "ModifiedProperties": {"a": 1},
        "ExtendedProperties": [1],
        "Actor": 3,
        "Target": [None],
        "AppAccessContext": [],
    }
    assert ual.event(strange) is not None
    assert (
        entra.audit_event(
            {
                "activityDateTime": "2026-11-22T10:00:00Z",
                "activityDisplayName": "Update user",
                "targetResources": [None, {"modifiedProperties": 4}],
                "initiatedBy": 3,
            }
        )
        is not None
    )
    assert (
        entra.sign_in_event(
            {"createdDateTime": "2026-11-22T10:00:00Z", "userId": "x", "status": [], "location": 4, "deviceDetail": "x"}
        )
        is not None
    )


def test_graphs_audit_records_are_those_of_the_unified_log() -> None:
    data = {"Parameters": [{"Name": "ForwardingSmtpAddress", "Value": "smtp:x@evil.example"}]}
    row = {
        "id": "g1",
        "createdDateTime": "2026-11-22T10:00:00Z",
        "operation": "Set-Mailbox",
        "userPrincipalName": "A@acme.example",
        "auditData": data,
    }
    (made,) = ual.read(text_of(json.dumps({"value": [row]})), Intake())
    assert (made.id, made.name, made.view["actor"], made.view["outside"]) == (
        "g1",
        "Set-Mailbox",
        "a@acme.example",
        ["evil.example"],
    )


def test_names_that_imitate() -> None:
    assert lookalike("Mіcrosoft 365")
    assert lookalike("0utlook mail")
    assert not lookalike("Microsoft Outlook")
    assert not lookalike("Яндекс Почта")
    assert not lookalike("Zürich Travel")


def test_lines_of_sshd() -> None:
    text = "\n".join(
        [
            "2026-11-22T10:00:00.123456+01:00 web1 sshd[9]: Accepted publickey for ana from 10.0.0.3 port 5 ssh2: ED25519 SHA256:abc",
            "Nov 22 09:00:01 web1 sshd-session[9]: Failed password for invalid user a b from 8.8.8.8 port 5 ssh2",
            "Nov 22 09:00:02 web1 cron[9]: nothing of ours",
            '{"__REALTIME_TIMESTAMP": "1795341600000000", "_HOSTNAME": "web2", "_COMM": "sshd", "MESSAGE": "Invalid user x from 2001:db8::1 port 4"}',
            "garbage",
        ]
    )
    intake = Intake()
    first, second, third = sshd.read(text_of(text), intake)
    assert (first.id, first.name, first.view["key"], first.time) == (
        "log:1",
        "accepted",
        "SHA256:abc",
        1795338000.123456,
    )
    assert (second.name, second.view["actor"], second.view["public"]) == ("failed", "a b", True)
    assert (third.name, third.view["target"], third.view["ip"]) == ("invalid_user", "web2", "2001:db8::1")
    assert intake.rows_unreadable == 1
