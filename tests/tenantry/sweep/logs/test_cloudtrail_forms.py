"""CloudTrail's events are the same whoever handed them on."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.places import SHIPPED
from tenantry.sweep.engine import Detections, sweep_logs
from tenantry.sweep.logs import cloudtrail
from tenantry.sweep.logs.cloudtrail_forms import trino
from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.model import Event

EVENT: dict[str, Any] = {
    "eventVersion": "1.08",
    "userIdentity": {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:ada@corp.example",
        "arn": "arn:aws:sts::444455556666:assumed-role/Admin/ada@corp.example",
        "accountId": "444455556666",
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "arn": "arn:aws:iam::444455556666:role/Admin",
                "accountId": "444455556666",
                "userName": "Admin",
            },
            "attributes": {"creationDate": "2026-11-03T08:00:00Z", "mfaAuthenticated": "false"},
        },
    },
    "eventTime": "2026-11-03T09:00:00Z",
    "eventSource": "iam.amazonaws.com",
    "eventName": "AttachUserPolicy",
    "awsRegion": "us-east-1",
    "sourceIPAddress": "203.0.113.20",
    "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "requestParameters": {"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
    "responseElements": None,
    "requestID": "r-1",
    "eventID": "e0250fd7-0000-4000-8000-0000000019b7",
    "readOnly": False,
    "eventType": "AwsApiCall",
    "managementEvent": True,
    "recipientAccountId": "444455556666",
}
TEXT = json.dumps(EVENT)


def read(text: str) -> tuple[list[Event], Intake]:
    pieces = [text[at : at + 700] for at in range(0, len(text), 700)][::-1]
    intake = Intake()
    return list(cloudtrail.read(TextStream("log", lambda: pieces.pop() if pieces else ""), intake)), intake


def table(*rows: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def trino_text(value: Any) -> str:
    """As Trino writes rows and maps: small names, nothing quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key.lower()}={trino_text(one)}" for key, one in value.items()) + "}"
    return "null" if value is None else str(value)


PLAIN = {name: value for name, value in EVENT.items() if isinstance(value, str)}
ATHENA = {
    **{name.lower(): value for name, value in PLAIN.items()},
    "useridentity": trino_text({**EVENT["userIdentity"], "invokedBy": None}),
    "requestparameters": json.dumps(EVENT["requestParameters"]),
    "responseelements": "null",
    "errorcode": "",
    "readonly": "false",
}
LAKE = {
    **PLAIN,
    "eventTime": "2026-11-03 09:00:00.000",
    "userIdentity": trino_text(EVENT["userIdentity"]),
    "requestParameters": "{userName=bob, policyArn=arn:aws:iam::aws:policy/AdministratorAccess}",
    "readOnly": "false",
}
BRIDGE = {
    "version": "0",
    "id": "x",
    "detail-type": "AWS API Call via CloudTrail",
    "source": "aws.iam",
    "account": "444455556666",
    "time": "2026-11-03T09:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": EVENT,
}
LOGS = {
    "messageType": "DATA_MESSAGE",
    "owner": "444455556666",
    "logGroup": "trail",
    "logStream": "444455556666_CloudTrail_us-east-1",
    "subscriptionFilters": ["all"],
    "logEvents": [{"id": "1", "timestamp": 1793696400000, "message": TEXT}],
}
CONTROL = {"messageType": "CONTROL_MESSAGE", "logEvents": [{"id": "", "message": "CWL CONTROL MESSAGE: test"}]}
FORMS = {
    "eventbridge": json.dumps(BRIDGE),
    "subscription": json.dumps(CONTROL) + json.dumps(LOGS),
    "filter-log-events": json.dumps(
        {"events": [{"logStreamName": "s", "timestamp": 1793696400000, "message": TEXT, "eventId": "3"}]}
    ),
    "export to S3": f"2026-11-03T09:00:04.123Z {TEXT}\n",
    "insights as JSON": json.dumps([{"@timestamp": "2026-11-03 09:00:00.000", "@message": EVENT}]),
    "insights as CSV": table({"@timestamp": "2026-11-03 09:00:00.000", "@message": TEXT}),
    "lake": table(LAKE),
    "lake with the event": table({"eventTime": "x", "eventJson": TEXT}),
    "athena": table(ATHENA),
    "lookup-events": json.dumps({"Events": [{"EventId": "e", "EventName": "x", "CloudTrailEvent": TEXT}]}),
}


@pytest.mark.parametrize("form", FORMS, ids=FORMS)
def test_the_event_is_the_same(form: str) -> None:
    [wanted], _ = read(json.dumps({"Records": [EVENT]}))
    [found], intake = read(FORMS[form])
    assert (found.id, found.time, found.name) == (wanted.id, wanted.time, wanted.name)
    assert found.view == wanted.view
    assert found.view["admin_policy"] is True
    assert found.record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "Admin"
    assert intake.rows_unreadable == 0


def test_many_of_each() -> None:
    for text in (
        json.dumps(BRIDGE) * 3,
        json.dumps(BRIDGE) + "\n" + json.dumps(BRIDGE) + "\n" + json.dumps(BRIDGE),
        f"2026-11-03T09:00:04.123Z {TEXT}\n" * 3,
        table(ATHENA, ATHENA, ATHENA),
        json.dumps({**LOGS, "logEvents": LOGS["logEvents"] * 3}),
    ):
        found, intake = read(text)
        assert (len(found), intake.rows_unreadable) == (3, 0)


def test_what_is_no_event_is_counted() -> None:
    """Among the events of a bus are others than calls; insights are numbers about calls."""
    other = {**BRIDGE, "detail-type": "EC2 Instance State-change Notification", "detail": {"instance-id": "i-1"}}
    found, intake = read(json.dumps(other) + json.dumps(BRIDGE))
    assert (len(found), intake.rows_unreadable) == (1, 1)
    found, intake = read(json.dumps({"Records": [{"eventType": "AwsCloudTrailInsight", "insightDetails": {}}]}))
    assert (len(found), intake.rows_unreadable) == (0, 0)
    found, intake = read(table({"eventtime": "x", "eventname": ""}))
    assert (len(found), intake.rows_unreadable) == (0, 1)
    found, intake = read(json.dumps({**LOGS, "logEvents": [{"message": "no JSON"}, "what"]}))
    assert (len(found), intake.rows_unreadable) == (0, 2)


def shared(account: str, with_: str, number: int) -> dict[str, Any]:
    return {
        **EVENT,
        "eventID": f"e0250fd7-0000-4000-8000-{number:012}",
        "eventName": "ModifySnapshotAttribute",
        "recipientAccountId": account,
        "requestParameters": {
            "snapshotId": "snap-1",
            "createVolumePermission": {"add": {"items": [{"userId": with_}]}},
        },
    }


def test_the_trail_of_an_organization(tmp_path: Path) -> None:
    """One tree with a folder for each account and region, other services' files and digests among them. Accounts of one organisation are not
    outside of each other, whichever is read first, and of two organisations they are."""
    one, two, three, stranger = "111111111111", "222222222222", "333333333333", "999999999999"

    def put(org: str, account: str, service: str, name: str, *events: dict[str, Any]) -> None:
        folder = tmp_path / "bucket" / "AWSLogs" / org / account / service / "eu-central-1" / "2026" / "11" / "03"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(gzip.compress(json.dumps({"Records": list(events)}).encode()))

    put("o-aaaaaaaaaa", one, "CloudTrail", "1.json.gz", shared(one, two, 1), shared(one, stranger, 2))
    put("o-aaaaaaaaaa", two, "CloudTrail", "2.json.gz", shared(two, one, 3), shared(two, three, 4))
    put("o-bbbbbbbbbb", three, "CloudTrail", "3.json.gz", shared(three, stranger, 5))
    put("o-aaaaaaaaaa", one, "Config", "c.json.gz", {"configurationItems": []})
    put("o-aaaaaaaaaa", one, "CloudTrail-Digest", "d.json.gz", {"digestPublicKeyFingerprint": "x"})
    put("o-aaaaaaaaaa", one, "vpcflowlogs", "f.log.gz", {"version": 2})
    found = sweep_logs([tmp_path], Detections.load("cloudtrail", (SHIPPED / "detections",)))
    assert (found.events_read, found.events_unreadable, found.files["files"]) == (5, 0, 3)
    told = {
        int(id[-12:]) for one in found.findings if one.rule == "aws_snapshot_shared_outside" for id in one.event_ids
    }
    assert told == {2, 4, 5}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{a=b, c={d=null, e=true}}", {"a": "b", "c": {"d": None, "e": True}}),
        ("{a=x (KHTML, like Gecko), b=1}", {"a": "x (KHTML, like Gecko)", "b": "1"}),
        ('{set={"items":[{"id":"i-1"}]}, n=1}', {"set": {"items": [{"id": "i-1"}]}, "n": "1"}),
        ("[{arn=a, type=b}, {arn=c}]", [{"arn": "a", "type": "b"}, {"arn": "c"}]),
        ("{a=[x, y], b=}", {"a": ["x", "y"], "b": ""}),
        ('{"a": 1}', {"a": 1}),
        ("{}", {}),
        ("plain", "plain"),
        ("{cut=off", "{cut=off"),
        ("{" * 100, "{" * 100),
    ],
)
def test_trinos_text(text: str, wanted: Any) -> None:
    assert trino(text) == wanted


@given(st.text(alphabet="{}[]=, ab\"'\\", max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    trino(text)
