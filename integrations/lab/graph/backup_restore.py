"""Microsoft 365 Backup: protection units, restore points, restore sessions.

Sources: Graph v1.0 reference, "List mailboxProtectionUnits" (and drives, sites; names and addresses only for delegated permissions), "List restorePoints" ($expand and $filter
required, at most five, the newest without $orderby), "Create exchangeRestoreSession", "Create mailboxRestoreArtifactsBulkAdditionRequest" (session first, empty;
ids of units and directory objects are not implemented there), "restoreSessionBase: activate", "List mailboxRestoreArtifacts".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from integrations.lab.clock import iso, parse_iso
from integrations.lab.graph.call import Call, Row, bad_request, not_found, refusal
from integrations.lab.graph.routing import Routes
from integrations.lab.protection import KINDS
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("directory")

_CONFIGURATION = "BackupRestore-Configuration.Read.All BackupRestore-Configuration.ReadWrite.All"
_SEARCH = "BackupRestore-Search.Read.All"
_READ = "BackupRestore-Restore.Read.All BackupRestore-Restore.ReadWrite.All"
_WRITE = "BackupRestore-Restore.ReadWrite.All"
_MOST = 5
_ROOT = "solutions/backupRestore"
_SESSIONS = {
    "mailbox": "exchangeRestoreSessions",
    "drive": "oneDriveForBusinessRestoreSessions",
    "site": "sharePointRestoreSessions",
}
_WANTED = {"mailbox": "mailboxes", "drive": "drives", "site": "siteWebUrls"}
_UNIT = re.compile(r"protectionUnit\(\$filter=id eq '([0-9a-fA-F-]{36})'\)")
_BEFORE = re.compile(r"protectionDateTime lt ([0-9T:.Z+-]{20,33})")
_SECONDS = 0.05
"""How long a restore takes here."""


@routes.add("GET", f"{_ROOT}/restorePoints", _SEARCH, options="expand filter")
def restore_points(call: Call) -> Answer:
    """Of one unit, before a moment."""
    unit, before = _UNIT.fullmatch(call.option("$expand") or ""), _BEFORE.fullmatch(call.option("$filter") or "")
    if unit is None or before is None:
        raise bad_request("The $expand and $filter query parameters are required.")
    try:
        moment = parse_iso(before[1])
    except ValueError:
        raise bad_request("Invalid filter clause: a time is expected.") from None
    found = call.tenant.protection.found(unit[1])
    rows = [] if found is None else call.tenant.protection.points(found)
    chosen = [row for row in rows if parse_iso(row["protectionDateTime"]) < moment][:_MOST]
    payload = {
        "@odata.context": f"{call.root}/$metadata#{_ROOT}/restorePoints",
        "value": [{**row, "protectionUnit": found} for row in chosen],
    }
    return Answer(200, payload)


@routes.add("POST", f"{_ROOT}/restoreSessions/{{session}}/activate", _WRITE)
def activate(call: Call) -> Answer:
    """Of any kind."""
    call.no_body()
    for kind in KINDS:
        session = call.tenant.protection.sessions[kind].get(call.params["session"])
        if session is None:
            continue
        if session.props["status"] != "draft":
            raise refusal(409, "Conflict", "The restore session was activated already.")
        if not session.props["additions"]:
            raise bad_request("A restore session without artifacts cannot be activated.")
        session.write({"status": "activating", "activated": call.now}, call.now)
        call.wrote(f"{_SESSIONS[kind]}/{session.id}", "draft", "activating", "activate")
        return call.one("restoreSessions/$entity", {"@odata.type": _type(kind), **_shown(call, kind, session)})
    raise not_found(call.params["session"])


def _units(kind: str, call: Call) -> Answer:
    return call.page(f"{_ROOT}/protectionUnits", list(call.tenant.protection.units(kind)), lambda row: row)


def _create(kind: str, call: Call) -> Answer:
    call.json({})  # what is to be restored is added in bulk, by name
    tenant = call.tenant
    props: dict[str, Any] = {
        "status": "draft",
        "additions": [],
        "activated": None,
        "caller": call.caller,
        "at": iso(_time(call)),
    }
    session = tenant.protection.sessions[kind].add(Record(tenant.serial("restore session"), props))
    call.wrote(f"{_SESSIONS[kind]}/{session.id}", None, "draft")
    found = call.one(f"{_SESSIONS[kind]}/$entity", _shown(call, kind, session))
    return Answer(201, found.payload)


def _list(kind: str, call: Call) -> Answer:
    return call.page(
        f"{_ROOT}/{_SESSIONS[kind]}", list(call.tenant.protection.sessions[kind]), partial(_shown, call, kind)
    )


def _add(kind: str, call: Call) -> Answer:
    session = _session(kind, call)
    wanted = _WANTED[kind]
    body = call.json(
        {
            **{"displayName": str, wanted: list, "protectionTimePeriod": dict, "destinationType": str},
            **{"restorePointPreference": str, "tags": str},
        },
        ("displayName", wanted, "protectionTimePeriod", "destinationType", "restorePointPreference"),
    )
    if session.props["status"] != "draft":
        raise refusal(409, "Conflict", "The restore session is not a draft.")
    if body["destinationType"] not in ("new", "inPlace") or body["restorePointPreference"] not in ("latest", "oldest"):
        raise bad_request("The value is not one of the enumeration's.")
    period = body["protectionTimePeriod"]
    if set(period) != {"startDateTime", "endDateTime"}:
        raise bad_request("Invalid value specified for property 'protectionTimePeriod'.")
    row = {
        "id": call.tenant.serial("addition"),
        **body,
        "status": "active",
        "createdDateTime": iso(_time(call)),
        "error": None,
    }
    session.props["additions"].append(row)
    call.wrote(f"{_SESSIONS[kind]}/{session.id}/additions", None, body["displayName"])
    found = call.one("additions/$entity", row)
    return Answer(201, found.payload)


def _additions(kind: str, call: Call) -> Answer:
    return call.page("additions", _session(kind, call).props["additions"], lambda row: row)


def _artifacts(kind: str, call: Call) -> Answer:
    session = _session(kind, call)
    return call.page("artifacts", _restored(call, kind, session), lambda row: row)


def _restored(call: Call, kind: str, session: Record) -> list[Row]:
    """What each address of a session came to."""
    over = _over(call, session)
    found: list[Row] = []
    for addition in session.props["additions"]:
        period = addition["protectionTimePeriod"]
        begin, end = parse_iso(period["startDateTime"]), parse_iso(period["endDateTime"])
        for address in addition[_WANTED[kind]]:
            unit = call.tenant.protection.owner(kind, address)
            rows = [] if unit is None else call.tenant.protection.points(unit)
            mine = [row for row in rows if begin <= parse_iso(row["protectionDateTime"]) <= end]
            if not mine:
                continue
            point = mine[0 if addition["restorePointPreference"] == "latest" else -1]
            where = {"restoredFolderId": f"folder-{session.id}", "restoredFolderName": f"Recovered {session.id[:8]}"}
            if kind != "mailbox":
                where = {
                    "restoredSiteId": f"site-{session.id}",
                    "restoredSiteWebUrl": f"https://restored.example/{session.id}",
                }
            row = {
                "id": f"artifact-{session.id}-{len(found)}",
                "destinationType": addition["destinationType"],
                "status": "succeeded" if over else "inProgress",
                "error": None,
                "restorePoint": point,
            }
            found.append({**row, **where} if over else row)
    return found


def _shown(call: Call, kind: str, session: Record) -> dict[str, Any]:
    status = session.props["status"]
    if status == "activating" and _over(call, session):
        status = "completed" if _restored(call, kind, session) else "failed"
    over = status in ("completed", "failed")
    return {
        "id": session.id,
        "status": status,
        "createdBy": {"application": {"id": session.props["caller"], "displayName": None}},
        "createdDateTime": session.props["at"],
        "completedDateTime": iso(_time(call)) if over else None,
        "error": {"code": "NoRestorePoint", "message": "Nothing is protected there at that time."}
        if status == "failed"
        else None,
    }


def _over(call: Call, session: Record) -> bool:
    begun = session.props["activated"]
    return begun is not None and call.now >= begun + _SECONDS + call.lab.faults.lag


def _session(kind: str, call: Call) -> Record:
    found = call.tenant.protection.sessions[kind].get(call.params["session"])
    if found is None:
        raise not_found(call.params["session"])
    return found


def _time(call: Call) -> datetime:
    return call.lab.now()


def _type(kind: str) -> str:
    name = _SESSIONS[kind].removesuffix("s")
    return f"#microsoft.graph.{name}"


def _of(kind: str, handler: Callable[[str, Call], Answer]) -> Callable[[Call], Answer]:
    return partial(handler, kind)


for _kind in KINDS:
    _at = f"{_ROOT}/{_SESSIONS[_kind]}"
    _of_one = f"{_at}/{{session}}/{_kind}RestoreArtifacts"
    routes.add(
        "GET",
        f"{_ROOT}/protectionUnits/microsoft.graph.{_kind}ProtectionUnit",
        _CONFIGURATION,
        options="skiptoken",
    )(_of(_kind, _units))
    routes.add("POST", _at, _WRITE)(_of(_kind, _create))
    routes.add("GET", _at, _READ, options="skiptoken")(_of(_kind, _list))
    routes.add("POST", f"{_of_one}BulkAdditionRequests", _WRITE)(_of(_kind, _add))
    routes.add("GET", f"{_of_one}BulkAdditionRequests", _READ, options="skiptoken")(_of(_kind, _additions))
    routes.add("GET", _of_one, _READ, options="skiptoken")(_of(_kind, _artifacts))
