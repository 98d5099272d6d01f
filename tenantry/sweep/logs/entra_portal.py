"""Entra's logs as the portal downloads them as CSV, put into Graph's form. Column names are those of the English portal, in which spaces and
capitals differ from time to time: https://learn.microsoft.com/en-us/entra/identity/monitoring-health/howto-download-logs. The audit log's rows have
no id: theirs is the correlation's and the activity's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["portal_audit", "portal_sign_in"]

_SIGN_IN: Final = {
    "requestid": "id",
    "correlationid": "correlationId",
    "userid": "userId",
    "user": "userDisplayName",
    "username": "userPrincipalName",
    "usertype": "userType",
    "crosstenantaccesstype": "crossTenantAccessType",
    "uniquetokenidentifier": "uniqueTokenIdentifier",
    "application": "appDisplayName",
    "applicationid": "appId",
    "resource": "resourceDisplayName",
    "resourceid": "resourceId",
    "resourcetenantid": "resourceTenantId",
    "hometenantid": "homeTenantId",
    "ipaddress": "ipAddress",
    "clientapp": "clientAppUsed",
    "useragent": "userAgent",
    "sessionid": "sessionId",
    "serviceprincipalid": "servicePrincipalId",
    "serviceprincipalname": "servicePrincipalName",
    "autonomoussystemnumber": "autonomousSystemNumber",
    "incomingtokentype": "incomingTokenType",
}
_DEVICE: Final = {
    "deviceid": "deviceId",
    "browser": "browser",
    "operatingsystem": "operatingSystem",
    "jointype": "trustType",
}
_CAMEL: Final = {
    "devicecode": "deviceCode",
    "devicecodeflow": "deviceCodeFlow",
    "authenticationtransfer": "authenticationTransfer",
    "multifactorauthentication": "multiFactorAuthentication",
    "singlefactorauthentication": "singleFactorAuthentication",
    "notapplied": "notApplied",
}
"""What the portal writes with spaces and Graph in one word."""
_TARGET: Final = re.compile(r"target(\d+)(type|displayname|objectid|userprincipalname)\Z")
_CHANGED: Final = re.compile(r"target(\d+)modifiedproperty(\d+)(name|oldvalue|newvalue)\Z")
_DETAIL: Final = re.compile(r"additionaldetail(\d+)(key|value)\Z")


def portal_sign_in(row: Mapping[str, str]) -> dict[str, Any]:
    """A row of the sign-in log; a failure of which no code is given stays one."""
    cells = _named(row)
    found: dict[str, Any] = {name: cells[key] for key, name in _SIGN_IN.items() if cells.get(key)}
    found["createdDateTime"] = _time(cells)
    code = cells.get("signinerrorcode", "") or cells.get("errorcode", "")
    succeeded = cells.get("status", "").lower() == "success"
    number = int(code) if code.isdigit() else None
    found["status"] = {
        "errorCode": 0 if succeeded else number if number else "unknown",
        "failureReason": cells.get("failurereason"),
        "additionalDetails": cells.get("multifactorauthenticationresult"),
    }
    found["deviceDetail"] = {name: cells.get(key, "") for key, name in _DEVICE.items()} | {
        "isCompliant": _yes(cells.get("compliant")),
        "isManaged": _yes(cells.get("managed")),
    }
    place = [part.strip() for part in cells.get("location", "").split(",")]
    found["location"] = {"city": place[0], "countryOrRegion": place[-1] if len(place) > 1 else ""}
    for key, name in (
        ("authenticationprotocol", "authenticationProtocol"),
        ("originaltransfermethod", "originalTransferMethod"),
        ("authenticationrequirement", "authenticationRequirement"),
        ("conditionalaccess", "conditionalAccessStatus"),
    ):
        if cells.get(key):
            plain = re.sub(r"[\s-]", "", cells[key]).lower()
            found[name] = _CAMEL.get(plain, plain)
    if cells.get("multifactorauthenticationauthmethod"):
        found["mfaDetail"] = {"authMethod": cells["multifactorauthenticationauthmethod"]}
    return found


def portal_audit(row: Mapping[str, str]) -> dict[str, Any]:
    """A row of the audit log."""
    cells = _named(row)
    targets: dict[str, dict[str, Any]] = {}
    changed: dict[tuple[str, str], dict[str, Any]] = {}
    details: dict[str, dict[str, Any]] = {}
    for key, value in cells.items():
        if (match := _TARGET.match(key)) and value:
            name = {"displayname": "displayName", "objectid": "id", "userprincipalname": "userPrincipalName"}
            targets.setdefault(match[1], {})[name.get(match[2], match[2])] = value
        elif match := _CHANGED.match(key):
            name = {"name": "displayName", "oldvalue": "oldValue", "newvalue": "newValue"}
            changed.setdefault((match[1], match[2]), {})[name[match[3]]] = value or None
        elif match := _DETAIL.match(key):
            details.setdefault(match[1], {})[match[2]] = value
    for (target, _), one in changed.items():
        if one.get("displayName"):
            targets.setdefault(target, {}).setdefault("modifiedProperties", []).append(one)
    person = cells.get("actoruserprincipalname") or (
        cells.get("actorobjectid") if cells.get("actortype", "").lower() == "user" else ""
    )
    program = cells.get("actorserviceprincipalname") or cells.get("actordisplayname")
    return {
        "id": f"{cells.get('correlationid', '')}/{cells.get('activity', '')}",
        "correlationId": cells.get("correlationid"),
        "activityDateTime": _time(cells),
        "activityDisplayName": cells.get("activity"),
        "category": cells.get("category"),
        "loggedByService": cells.get("service"),
        "result": cells.get("result", "").lower(),
        "resultReason": cells.get("resultreason"),
        "initiatedBy": {"user": {"userPrincipalName": person, "ipAddress": cells.get("ipaddress", "")}}
        if person
        else {"app": {"displayName": program}},
        "targetResources": list(targets.values()),
        "additionalDetails": [
            *(one for one in details.values() if one.get("key")),
            *([{"key": "User-Agent", "value": cells["useragent"]}] if cells.get("useragent") else []),
        ],
    }


def _named(row: Mapping[str, str]) -> dict[str, str]:
    """Cells by their columns' letters and digits alone; of two columns of one name, the one that says something."""
    found: dict[str, str] = {}
    for name, value in row.items():
        key = re.sub(r"[^a-z0-9]", "", re.sub(r"\(.*?\)", "", name).lower())
        found[key] = value.strip() or found.get(key, "")
    return found


def _time(cells: Mapping[str, str]) -> str:
    return cells.get("date", "")


def _yes(value: str | None) -> bool:
    return (value or "").lower() in ("yes", "true")
