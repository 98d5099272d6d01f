"""Entra ID's sign-in and audit logs: Graph's JSON, the portal's downloads (JSON, and CSV: :mod:`tenantry.sweep.logs.entra_portal`), and Azure Monitor's envelope (``properties``).

Fields: https://learn.microsoft.com/en-us/graph/api/resources/signin and
https://learn.microsoft.com/en-us/graph/api/resources/directoryaudit. The view of a sign-in:

=============  ================================================================================================
``name``       ``Sign-in``; ``kind`` is ``sign_in``
``actor``      ``userPrincipalName``, or the service principal's name; ``actor_type`` user, application
``ip``         ``ipAddress``; ``network``; ``country``, ``city``, ``latitude``, ``longitude`` from ``location``
``agent``      ``userAgent`` or ``deviceDetail.browser``; ``client``; ``client_app`` is ``clientAppUsed``
``app``        ``appDisplayName``; ``app_id``, ``resource``
``outcome``    success (error 0), interrupted (right password, more is asked), failure; ``error``, the code as text
``protocol``   ``authenticationProtocol``; ``transfer`` is ``originalTransferMethod``
``mfa``        ``authenticationRequirement`` is multi-factor
``session``    ``sessionId``                     ``device``   ``deviceDetail.deviceId``; ``managed``
``risk``       ``riskLevelDuringSignIn``; ``risk_events``
=============  ================================================================================================

That of an audit event is the unified audit log's (:mod:`tenantry.sweep.logs.ual`): one rule fits both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.sweep.logs.csvrows import peeked, rows
from tenantry.sweep.logs.entra_portal import portal_audit, portal_sign_in
from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.logs.jsonrecords import records
from tenantry.sweep.logs.m365_meaning import meaning, plain_name
from tenantry.sweep.logs.values import address, as_list, client_family, inner, network, parsed, seconds, text
from tenantry.sweep.model import Event

__all__ = ["RIGHT_PASSWORD", "audit_event", "read_audits", "read_sign_ins", "sign_in_event"]

RIGHT_PASSWORD: Final = frozenset(
    {
        "50055",
        "50072",
        "50074",
        "50076",
        "50079",
        "50125",
        "50129",
        "50131",
        "50140",
        "50144",
        "50158",
        "50203",
        "53000",
        "53001",
        "53002",
        "53003",
        "53004",
        "65001",
        "500121",
    }
)
"""Errors that come after the password was accepted: more is asked, or a policy stops it.
https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes"""
_SYSTEM_APPS: Final = frozenset(
    {
        "microsoft substrate management",
        "microsoft managed policy manager",
        "microsoft.azure.syncfabric",
        "azure ad cloud sync",
        "microsoft azure ad internal - jit provisioning",
        "windows azure active directory",
        "azure mfa strongauthenticationservice",
        "office 365 exchange online",
        "microsoft intune",
        "device registration service",
        "ms-pim-fairfax",
        "managed service identity",
        "microsoft b2b admin worker",
    }
)


def read_sign_ins(stream: TextStream, intake: Intake) -> Iterator[Event]:
    """The sign-ins of one file."""
    yield from _read(stream, intake, sign_in_event, portal_sign_in, "no sign-in")


def read_audits(stream: TextStream, intake: Intake) -> Iterator[Event]:
    """The directory's audit events of one file."""
    yield from _read(stream, intake, audit_event, portal_audit, "no audit event")


def _read(stream: TextStream, intake: Intake, make: Any, portal: Any, why: str) -> Iterator[Event]:
    json, rest = peeked(stream)
    found = records(rest, intake) if json else ((number, portal(row)) for number, row in rows(rest, intake))
    for number, record in found:
        event = make(_unwrapped(record))
        if event is None:
            intake.broken_row(f"{stream.name}#{number}", why)
        else:
            yield event


def _unwrapped(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Azure Monitor puts Graph's record into ``properties``."""
    properties = parsed(record.get("properties"))
    return properties if isinstance(properties, Mapping) and "id" in properties else record


def sign_in_event(record: Mapping[str, Any]) -> Event | None:
    """The view of one sign-in; None when it has no time or says nothing of its status."""
    time = seconds(record.get("createdDateTime"))
    if time is None or not (
        record.get("userPrincipalName")
        or record.get("servicePrincipalName")
        or record.get("servicePrincipalId")
        or record.get("userId")
    ):
        return None
    person = text(record.get("userPrincipalName")) or text(record.get("userId"))
    ip = address(text(record.get("ipAddress")))
    device = record.get("deviceDetail") if isinstance(record.get("deviceDetail"), Mapping) else {}
    agent = text(record.get("userAgent")) or " ".join(
        filter(None, (text(inner(device, "browser")), text(inner(device, "operatingSystem"))))
    )
    error = text(inner(record, "status", "errorCode"))
    view: dict[str, Any] = {
        "name": "Sign-in",
        "kind": "sign_in",
        "actor": person.lower()
        if person
        else text(record.get("servicePrincipalName")) or text(record.get("servicePrincipalId")),
        "actor_type": "user" if person else "application",
        "ip": ip or None,
        "network": network(ip) if ip else None,
        "agent": agent or None,
        "client": client_family(text(record.get("userAgent"))) or agent.lower(),
        "client_app": record.get("clientAppUsed"),
        "country": text(inner(record, "location", "countryOrRegion")) or None,
        "city": text(inner(record, "location", "city")) or None,
        "latitude": inner(record, "location", "geoCoordinates", "latitude"),
        "longitude": inner(record, "location", "geoCoordinates", "longitude"),
        "app": record.get("appDisplayName"),
        "app_id": record.get("appId"),
        "resource": record.get("resourceDisplayName"),
        "outcome": "success" if error in ("0", "") else "interrupted" if error in RIGHT_PASSWORD else "failure",
        "result": "success" if error in ("0", "") else "failure",
        "error": error or None,
        "protocol": record.get("authenticationProtocol"),
        "transfer": record.get("originalTransferMethod"),
        "mfa": record.get("authenticationRequirement") == "multiFactorAuthentication"
        if record.get("authenticationRequirement")
        else None,
        "session": text(record.get("sessionId")) or None,
        "device": text(inner(device, "deviceId")) or None,
        "device_os": inner(device, "operatingSystem"),
        "managed": bool(inner(device, "isCompliant") or inner(device, "isManaged")),
        "risk": record.get("riskLevelDuringSignIn") or record.get("riskLevelAggregated"),
        "risk_state": record.get("riskState"),
        "risk_events": as_list(record.get("riskEventTypes_v2") or record.get("riskEventTypes")),
        "interactive": record.get("isInteractive"),
        "access_blocked": record.get("conditionalAccessStatus") == "failure",
    }
    return Event(text(record.get("id")), time, "Sign-in", view, record)


def audit_event(record: Mapping[str, Any]) -> Event | None:
    """The view of one audit event; None when it has no time or no activity."""
    time = seconds(record.get("activityDateTime"))
    activity = record.get("activityDisplayName") or record.get("activity")
    if time is None or not isinstance(activity, str) or not activity:
        return None
    user = inner(record, "initiatedBy", "user")
    app = inner(record, "initiatedBy", "app")
    person = text(inner(user, "userPrincipalName")) or text(inner(user, "id"))
    program = text(inner(app, "displayName")) or text(inner(app, "servicePrincipalId")) or text(inner(app, "appId"))
    ip = address(text(inner(user, "ipAddress")))
    targets = [one for one in as_list(record.get("targetResources")) if isinstance(one, Mapping)]
    details = {
        text(one.get("key")): one.get("value")
        for one in as_list(record.get("additionalDetails"))
        if isinstance(one, Mapping)
    }
    agent = text(details.get("User-Agent"))
    name = plain_name(activity)
    view: dict[str, Any] = {
        "name": name,
        "actor": (person.lower() if person else program) or "unknown",
        "actor_type": "user"
        if person
        else "system"
        if program.lower() in _SYSTEM_APPS or not program
        else "application",
        "ip": ip or None,
        "network": network(ip) if ip else None,
        "agent": agent or None,
        "client": client_family(agent),
        "service": record.get("loggedByService"),
        "outcome": "failure" if text(record.get("result")).lower() in ("failure", "timeout") else "success",
        "target": next(
            (found for one in targets if (found := text(one.get("userPrincipalName")) or text(one.get("displayName")))),
            None,
        ),
        "targets": [
            found for one in targets if (found := text(one.get("displayName")) or text(one.get("userPrincipalName")))
        ],
        "target_type": next((text(one.get("type")) for one in targets if one.get("type")), None),
        "modified": _properties(targets, "newValue"),
        "modified_old": _properties(targets, "oldValue"),
        "extended": details,
        "reason": record.get("resultReason"),
    }
    view.update(meaning(view, record))
    return Event(text(record.get("id")), time, name, view, record)


def _properties(targets: list[Mapping[str, Any]], which: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for target in targets:
        for one in as_list(target.get("modifiedProperties")):
            if isinstance(one, Mapping) and text(one.get("displayName")):
                value = parsed(one.get(which))
                if value not in (None, "", "null", []) or text(one.get("displayName")) not in found:
                    found[text(one.get("displayName"))] = value
    return found
