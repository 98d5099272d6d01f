"""Fields as public rules call them find what the logs call otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tenantry.sweep.engine import Detections, sweep_logs
from tenantry.sweep.model import Sweep
from tenantry.sweep.sigma.load import ELSEWHERE

ALERT = {
    "CreationTime": "2026-11-03T09:00:00",
    "Id": "alert",
    "Operation": "AlertTriggered",
    "Workload": "SecurityComplianceCenter",
    "UserId": "SecurityComplianceAlerts",
    "Name": "Impossible travel activity",
    "ResultStatus": "Succeeded",
}
CMDLET = {
    "CreationTime": "2026-11-03T09:00:00",
    "Id": "cmdlet",
    "Operation": "Add-FederatedDomain",
    "Workload": "Exchange",
    "UserId": "kim@acme.example",
    "ResultStatus": "True",
}


def rule(source: dict[str, str], selection: dict[str, Any], **more: Any) -> dict[str, Any]:
    detection = {"selection": selection, "condition": "selection"}
    return {"title": "A rule", "status": "test", "level": "medium", "logsource": source, "detection": detection} | more


def swept(tmp_path: Path, format: str, text: str, *rules: dict[str, Any]) -> Sweep:
    folder = tmp_path / "rules" / "cloud"
    folder.mkdir(parents=True)
    (folder / "rule.yml").write_text(yaml.safe_dump_all(rules))
    log = tmp_path / "log"
    log.write_text(text)
    detections = Detections.load(format, (), (tmp_path / "rules",))
    assert detections.left_out == ()
    return sweep_logs([log], detections)


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({"eventSource": "SecurityComplianceCenter", "eventName": "Impossible travel activity", "status": "success"}, ["alert"]),
        ({"eventSource": "Exchange", "eventName": "Add-FederatedDomain", "status": "success"}, ["cmdlet"]),
        ({"Operation": "AlertTriggered"}, ["alert"]),
        ({"eventName": "Impossible travel activity", "status": "failure"}, []),
    ],
)  # fmt: skip
def test_microsoft_alerts_and_outcomes(tmp_path: Path, selection: dict[str, Any], found: list[str]) -> None:
    done = swept(tmp_path, "ual", json.dumps([ALERT, CMDLET]), rule({"product": "m365"}, selection))
    assert [id for one in done.findings for id in one.event_ids] == found


def test_risk_in_a_sign_in(tmp_path: Path) -> None:
    signed_in = {
        "id": "s1",
        "createdDateTime": "2026-11-03T09:00:00Z",
        "userPrincipalName": "kim@acme.example",
        "status": {"errorCode": 0},
        "riskEventTypes_v2": ["unlikelyTravel", "anomalousToken"],
    }
    risk = rule({"product": "azure", "service": "riskdetection"}, {"riskEventType": "anomalousToken"})
    done = swept(tmp_path, "entra-signin", json.dumps([signed_in]), risk)
    assert [one.event_ids for one in done.findings] == [["s1"]]


def test_correlated_guesses_at_a_server(tmp_path: Path) -> None:
    line = "2026-11-03T09:00:{:02d}Z web1 sshd[1]: Failed password for {} from {} port 22 ssh2\n"
    lines = [line.format(number, "root", "203.0.113.9") for number in range(6)]
    lines += [line.format(number, "root", "10.1.2.3") for number in range(6)]
    failed = rule({"product": "linux", "service": "sshd"}, {})
    failed["id"] = "f698fb2a-f888-4b4f-b309-fcc56d7096b5"
    failed["detection"] = {
        "keywords": ["failed password"],
        "who": {"user_name|contains": ["root", "admin"], "deviceProcessName": "sshd", "client_ip|exists": True},
        "inside": {"client_ip|cidr": ["10.0.0.0/8", "::1/128"]},
        "condition": "keywords and who and not inside",
    }
    many = {
        "title": "Many",
        "id": "f55634e2-baa3-489b-bbce-0c9818cf62ee",
        "status": "test",
        "level": "medium",
        "correlation": {
            "type": "event_count",
            "rules": [failed["id"]],
            "group-by": ["client_ip", "host"],
            "timespan": "15m",
            "condition": {"gte": 5},
        },
    }
    done = swept(tmp_path, "sshd", "".join(lines), failed, many)
    assert [(one.rule, one.count) for one in done.findings] == [(many["id"], 6)]


def test_names_of_stores_that_wrap_the_vendors_records(tmp_path: Path) -> None:
    shared = {
        "CreationTime": "2026-11-03T09:00:00",
        "Workload": "x",
        "UserId": "kim@acme.example",
        "ResultStatus": "Success",
    }
    records = [
        {**shared, "Id": "teams", "Operation": "MessageSent", "MessageURLs": ["https://b.example/a.exe"]},
        {
            **shared,
            "Id": "portal",
            "Operation": "UserLoggedIn",
            "ExtendedProperties": [{"Name": "RequestType", "Value": "Cmsi:Cmsi"}],
        },
    ]
    audit = {"product": "m365", "service": "audit"}
    wrapped = rule(audit, {"o365.audit.MessageURLs|endswith": ".exe", "user.email|contains": "@acme"}, id=_id(1))
    request = rule(audit, {"Operation": "UserLoggedIn", "RequestType": "Cmsi:Cmsi"}, id=_id(2))
    done = swept(tmp_path, "ual", json.dumps(records), wrapped, request)
    assert sorted(id for one in done.findings for id in one.event_ids) == ["portal", "teams"]


def test_names_of_the_directorys_log_in_a_store(tmp_path: Path) -> None:
    record = {
        "id": "d1",
        "category": "Device",
        "activityDisplayName": "Recover device local administrator password",
        "activityDateTime": "2026-11-03T09:00:00Z",
        "loggedByService": "Device Registration Service",
        "result": "success",
        "initiatedBy": {"user": {"userPrincipalName": "kim@acme.example"}},
        "targetResources": [],
        "additionalDetails": [
            {"key": "AdditionalInfo", "value": "Successfully recovered local credential by device id x"}
        ],
    }
    asked = {
        "properties.loggedByService": "Device Registration Service",
        "activityType|contains": "Recover device",
        "additionalDetails.additionalInfo|contains": "recovered local credential",
    }
    done = swept(
        tmp_path, "entra-audit", json.dumps([record]), rule({"product": "azure", "service": "auditlogs"}, asked)
    )
    assert [one.event_ids for one in done.findings] == [["d1"]]


def test_names_of_refused_second_factors(tmp_path: Path) -> None:
    refused = {
        "id": "s1",
        "createdDateTime": "2026-11-03T09:00:00Z",
        "userPrincipalName": "kim@acme.example",
        "status": {"errorCode": 500121, "additionalDetails": "MFA denied; user declined the authentication"},
    }
    asked = {
        "authentication_result": "failure",
        "resulttype": 500121,
        "mfanotificationoutcome|contains": "mfa denied",
        "AccountUPN|contains": "kim",
    }
    done = swept(
        tmp_path, "entra-signin", json.dumps([refused]), rule({"product": "azure", "service": "signinlogs"}, asked)
    )
    assert [one.event_ids for one in done.findings] == [["s1"]]


def test_a_correlation_of_rules_about_another_log_is_about_it_too(tmp_path: Path) -> None:
    other = rule({"product": "azure", "service": "signinlogs"}, {"resulttype": 1}, name="other", id=_id(1))
    counted = {
        "title": "Many",
        "id": _id(2),
        "status": "test",
        "level": "medium",
        "correlation": {
            "type": "event_count",
            "rules": ["other"],
            "group-by": ["userPrincipalName"],
            "timespan": "5m",
            "condition": {"gte": 3},
        },
    }
    (tmp_path / "rules.yml").write_text(yaml.safe_dump_all([other, counted]))
    left = Detections.load("cloudtrail", (), (tmp_path,)).left_out
    assert [one["rule"] for one in left] == [_id(1), _id(2)]
    assert all(one["why"].startswith(ELSEWHERE) for one in left)


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"
