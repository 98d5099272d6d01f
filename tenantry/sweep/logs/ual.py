"""Microsoft 365's unified audit log: CSV with the column ``AuditData``, JSON of the records, and what Graph's audit
queries answer (``auditData``).

Fields: https://learn.microsoft.com/en-us/office/office-365-management-api/office-365-management-activity-api-schema. The view:

==============  ===============================================================================================
``name``        ``Operation`` without its full stop, dashes made plain
``event_name``  ``Operation`` as it is; of an alert of Microsoft's, the alert's name
``actor``       ``UserId``, lower-case                  ``actor_type``  user, application, system
``ip``          ``ClientIP``, ``ClientIPAddress`` or ``ActorIpAddress`` without its port; ``network``
``agent``       ``UserAgent`` or ``ClientInfoString``   ``client``      its family
``session``     ``AADSessionId`` or ``SessionId``       ``outcome``     success, failure
``target``      ``ObjectId``                            ``targets``     names in ``Target``; ``target_type``
``app``         the application's id
``parameters``  the cmdlet's or the rule's parameters, by name
``modified``    ``ModifiedProperties``: name → new value, ``modified_old`` → old value
``extended``    ``ExtendedProperties`` by name          ``error``       ``ErrorNumber`` of a sign-in
``kind``        ``sign_in`` for sign-ins
==============  ===============================================================================================

and what :mod:`tenantry.sweep.logs.m365_meaning` works out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.sweep.logs.csvrows import peeked, rows
from tenantry.sweep.logs.entra import RIGHT_PASSWORD
from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.logs.jsonrecords import records
from tenantry.sweep.logs.m365_meaning import meaning, plain_name
from tenantry.sweep.logs.values import address, as_list, client_family, inner, network, parsed, seconds, text
from tenantry.sweep.model import Event

__all__ = ["event", "read", "unwrapped"]

_SYSTEM_TYPES: Final = frozenset({"3", "4", "7", "8", "dcadmin", "system", "custompolicy", "systempolicy"})
_APP_TYPES: Final = frozenset({"5", "6", "application", "serviceprincipal"})
_SYSTEM_NAMES: Final = (
    "nt authority\\",
    "nt service\\",
    "s-1-5-18",
    "microsoft.exchange",
    "microsoftoffice365",
    "sharepoint\\system",
    "app@sharepoint",
    "not available",
)
_SIGN_INS: Final = frozenset({"UserLoggedIn", "UserLoginFailed"})


def read(stream: TextStream, intake: Intake) -> Iterator[Event]:
    """The events of one file."""
    json, rest = peeked(stream)
    found = (
        ((number, record, f"#{number}") for number, record in records(rest, intake))
        if json
        else ((number, row, f":{number}") for number, row in rows(rest, intake))
    )
    for _, record, where in found:
        made = event(unwrapped(record))
        if made is None:
            intake.broken_row(f"{stream.name}{where}", "no audit record")
        else:
            yield made


def unwrapped(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The record itself, out of an export's row or Graph's envelope."""
    for key in ("AuditData", "auditData"):
        if key in record:
            data = parsed(record[key])
            if not isinstance(data, Mapping):
                return None
            if key == "auditData":
                outer = {
                    "CreationTime": record.get("createdDateTime"),
                    "Operation": record.get("operation"),
                    "Id": record.get("id"),
                    "UserId": record.get("userPrincipalName"),
                    "ClientIP": record.get("clientIp"),
                    "Workload": record.get("service"),
                    "ObjectId": record.get("objectId"),
                }
                return {**{name: value for name, value in outer.items() if value}, **data}
            return data
    return record


def event(record: Mapping[str, Any] | None) -> Event | None:
    """The view of one record; None when it has neither operation nor time."""
    if record is None:
        return None
    operation, time = record.get("Operation"), seconds(record.get("CreationTime"))
    if not isinstance(operation, str) or not operation or time is None:
        return None
    extended = _pairs(record.get("ExtendedProperties"))
    device = _pairs(record.get("DeviceProperties"))
    name = plain_name(operation)
    agent = text(record.get("UserAgent")) or text(extended.get("UserAgent")) or text(record.get("ClientInfoString"))
    ip = address(
        text(record.get("ClientIP")) or text(record.get("ClientIPAddress")) or text(record.get("ActorIpAddress"))
    )
    actor = text(record.get("UserId")).strip().lower()
    kind = _actor_type(actor, text(record.get("UserType")).lower(), record)
    if kind == "application":
        # A service principal is called by its id; what it is called stands beside it.
        actor = next(
            (name for name in _names(record, "Actor") if name and not name.startswith("ServicePrincipal_")), actor
        )
    view: dict[str, Any] = {
        "name": name,
        # Of an alert of Microsoft's, public rules mean the alert.
        "event_name": text(record.get("Name")) if name in _ALERTS and record.get("Name") else operation,
        "actor": actor or "unknown",
        "actor_type": kind,
        "ip": ip or None,
        "network": network(ip) if ip else None,
        "agent": agent or None,
        "client": client_family(agent),
        "session": text(inner(record, "AppAccessContext", "AADSessionId"))
        or text(device.get("SessionId"))
        or text(record.get("SessionId"))
        or None,
        "service": record.get("Workload"),
        "outcome": _outcome(name, text(record.get("ResultStatus"))),
        "target": text(record.get("ObjectId")) or None,
        "targets": _names(record, "Target"),
        "target_type": _target_type(record),
        "app": text(record.get("AppId"))
        or text(record.get("ApplicationId"))
        or text(inner(record, "AppAccessContext", "ClientAppId"))
        or None,
        "parameters": _parameters(record),
        "modified": _modified(record, "NewValue"),
        "modified_old": _modified(record, "OldValue"),
        "extended": extended,
        "error": text(record.get("ErrorNumber")) or None,
    }
    if name in _SIGN_INS:
        view["kind"] = "sign_in"
        if name == "UserLoginFailed" and view["error"] in RIGHT_PASSWORD:
            view["outcome"] = "interrupted"
        view["device_os"] = device.get("OS")
        view["managed"] = text(device.get("IsCompliantAndManaged")).lower() == "true"
    view.update(meaning(view, record))
    return Event(text(record.get("Id")), time, name, view, record)


def _outcome(name: str, status: str) -> str:
    if name == "UserLoginFailed" or status.lower() in ("failed", "failure", "false"):
        return "failure"
    return "success"


def _actor_type(actor: str, user_type: str, record: Mapping[str, Any]) -> str:
    if user_type in _SYSTEM_TYPES or actor.startswith(_SYSTEM_NAMES) or "(microsoft.exchange" in actor:
        return "system"
    if user_type in _APP_TYPES or actor.startswith("serviceprincipal_"):
        kinds = [one for one in as_list(record.get("Actor")) if isinstance(one, Mapping)]
        microsoft = any(
            text(one.get("ID"))
            in (
                "Microsoft Substrate Management",
                "Microsoft Managed Policy Manager",
                "Azure AD Cloud Sync",
                "Office 365 Exchange Online",
            )
            for one in kinds
        )
        return "system" if microsoft else "application"
    return "user"


_ALERTS: Final = frozenset({"AlertTriggered", "AlertEntityGenerated", "AlertUpdated"})
"""https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#security-and-compliance-alerts-schema"""
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9A-F]{16}")


def _names(record: Mapping[str, Any], key: str) -> list[str]:
    """What ``Actor`` or ``Target`` are called, without ids."""
    names = [text(one.get("ID")) for one in as_list(record.get(key)) if isinstance(one, Mapping)]
    return [name for name in names if name and not _GUID.fullmatch(name.rpartition("_")[2])]


def _target_type(record: Mapping[str, Any]) -> str | None:
    """``Target`` lists ids and names, and among them what kind of object it is (``User_…``, ``ServicePrincipal_…``)."""
    for one in as_list(record.get("Target")):
        if isinstance(one, Mapping):
            found = text(one.get("ID"))
            for kind in ("ServicePrincipal", "Application", "User", "Group", "Device", "Role", "Policy"):
                if found == kind or found.startswith(f"{kind}_"):
                    return kind
    return None


def _pairs(value: Any) -> dict[str, Any]:
    """``[{"Name": …, "Value": …}]`` as a mapping."""
    value = parsed(value)
    if isinstance(value, Mapping):
        return dict(value)
    return {text(one.get("Name")): one.get("Value") for one in as_list(value) if isinstance(one, Mapping)}


def _parameters(record: Mapping[str, Any]) -> dict[str, Any]:
    """A cmdlet's parameters; for rules that Outlook made, what the mailbox logged in their place."""
    found = _pairs(record.get("Parameters"))
    if not found and "OperationProperties" in record:
        found = {name: parsed(value) for name, value in _pairs(record.get("OperationProperties")).items()}
    return found


def _modified(record: Mapping[str, Any], which: str) -> dict[str, Any]:
    value = record.get("ModifiedProperties")
    return {
        text(one.get("Name")): parsed(one.get(which))
        for one in as_list(value)
        if isinstance(one, Mapping) and text(one.get("Name"))
    }
