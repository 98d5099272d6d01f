"""What the portal downloads as CSV is read as Graph's JSON is."""

from __future__ import annotations

import csv
import io
from typing import Any

from tenantry.places import SHIPPED
from tenantry.sweep.engine import Detections
from tenantry.sweep.logs import entra
from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.model import Event

SIGN_IN = {
    "Date (UTC)": "2026-11-03T09:00:00Z",
    "Request ID": "11111111-0000-4000-8000-000000000001",
    "User agent": "azurehound/v2.1.8",
    "Username": "Kim@acme.example",
    "Authentication Protocol": "Device code",
    "Original transfer method": "Device code flow",
    "Application": "Microsoft Azure CLI",
    "Application ID ": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "IP address": "203.0.113.7",
    "Location": "Berlin, Berlin, DE",
    "Status": "Success",
    "Sign-in error code": "",
    "Failure reason": "Other.",
    "Client app": "Mobile Apps and Desktop clients",
    "Device ID": "{pc}",
    "Browser": "",
    "Operating System": "Windows10",
    "Compliant": "Yes",
    "Managed": "No",
    "Authentication requirement": "Single-factor authentication",
    "Session ID": "s-1",
}
AUDIT = {
    "Date (UTC)": "2026-11-03T09:00:00.1234567+00:00",
    "CorrelationId": "c-1",
    "Service": "Core Directory",
    "Category": "RoleManagement",
    "Activity": "Add member to role",
    "Result": "success",
    "ResultReason": "",
    "User Agent": "Mozilla/5.0",
    "ActorType": "User",
    "ActorUserPrincipalName": "kim@acme.example",
    "IPAddress": "203.0.113.7",
    "Target1Type": "User",
    "Target1UserPrincipalName": "dana@acme.example",
    "Target1ModifiedProperty1Name": "Role.DisplayName",
    "Target1ModifiedProperty1OldValue": "",
    "Target1ModifiedProperty1NewValue": '"Global Administrator"',
    "AdditionalDetail1Key": "reason",
    "AdditionalDetail1Value": "none",
}


def _read(read: Any, *rows: dict[str, str]) -> tuple[list[Event], Intake]:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    pieces = ["\ufeff" + out.getvalue()]
    intake = Intake()
    return list(read(TextStream("export.csv", lambda: pieces.pop() if pieces else ""), intake)), intake


def test_a_sign_in() -> None:
    [event], intake = _read(entra.read_sign_ins, SIGN_IN)
    assert intake.rows_unreadable == 0
    view = event.view
    assert (event.id, view["actor"], view["outcome"]) == (SIGN_IN["Request ID"], "kim@acme.example", "success")
    assert (view["protocol"], view["transfer"], view["mfa"]) == ("deviceCode", "deviceCodeFlow", False)
    assert (view["country"], view["city"], view["managed"], view["session"]) == ("DE", "Berlin", True, "s-1")
    assert event.record["appId"] == SIGN_IN["Application ID "]
    rules = Detections.load("entra-signin", (SHIPPED / "detections",)).rules
    [other], _ = _read(entra.read_sign_ins, SIGN_IN | {"Compliant": "No"})
    assert {rule.key for rule in rules.matching(other)} >= {"m365_tool_user_agent", "m365_device_code_sign_in"}


def test_what_failed_without_a_code_is_no_success() -> None:
    rows = [
        SIGN_IN | {"Status": "Failure", "Sign-in error code": "50126"},
        SIGN_IN | {"Status": "Interrupted", "Sign-in error code": "50074"},
        SIGN_IN | {"Status": "Failure", "Sign-in error code": ""},
        SIGN_IN | {"Status": "", "Sign-in error code": ""},
    ]
    events, _ = _read(entra.read_sign_ins, *rows)
    assert [one.view["outcome"] for one in events] == ["failure", "interrupted", "failure", "failure"]


def test_a_change_in_the_directory() -> None:
    [event], _ = _read(entra.read_audits, AUDIT)
    view = event.view
    assert (event.id, view["actor"], view["actor_type"]) == ("c-1/Add member to role", "kim@acme.example", "user")
    assert (view["target"], view["roles"], view["privileged"]) == ("dana@acme.example", ["Global Administrator"], True)
    assert (view["ip"], view["agent"], view["outcome"]) == ("203.0.113.7", "Mozilla/5.0", "success")


def test_what_a_program_did_is_a_programs() -> None:
    row = AUDIT | {"ActorType": "Application", "ActorUserPrincipalName": "", "User Agent": ""}
    [event], _ = _read(entra.read_audits, row | {"ActorDisplayName": "Azure AD Cloud Sync"})
    assert event.view["actor_type"] == "system"


def test_a_row_that_says_no_time_is_counted() -> None:
    events, intake = _read(entra.read_audits, AUDIT, AUDIT | {"Date (UTC)": "yesterday"})
    assert (len(events), intake.rows_unreadable) == (1, 1)
