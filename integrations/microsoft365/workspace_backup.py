"""``workspace_backup`` for Microsoft 365: restore points and restore sessions of Microsoft 365 Backup, through Microsoft Graph.

========= ====================================== =======================================================================
method    application permission                 page (learn.microsoft.com/graph/api/…)
========= ====================================== =======================================================================
sources   BackupRestore-Configuration.Read.All   backuprestoreroot-list-mailboxprotectionunits, -driveprotectionunits, -siteprotectionunits
points    BackupRestore-Search.Read.All          backuprestoreroot-list-restorepoints (five at a time, newest first)
restore   BackupRestore-Restore.ReadWrite.All    backuprestoreroot-post-exchangerestoresessions (also OneDrive, SharePoint), then
                                                 exchangerestoresession-post-mailboxrestoreartifactsbulkadditionrequests,
                                                 restoresessionbase-activate
restored  BackupRestore-Restore.ReadWrite.All    the lists of the same, exchangerestoresession-list-mailboxrestoreartifacts
========= ====================================== =======================================================================

A session carries no mark of who began it, but what is added to it in bulk has a name: that is made of the token. So whoever forgot a restore finds it,
also one that was never activated. A session that stopped before anything was added to it stays empty and does nothing.

Known limits:
    - What is added in bulk is named by address and period and not by restore point; so what came back is looked at, and another point than the one that was
      meant is a failure.
    - An application is not told the addresses of what is protected: that of a mailbox or drive is looked up in the directory (User.Read.All), that of a
      site has to come with its protection.
    - Only the global cloud has it. The client pays for what is protected; where it is not switched on, nothing is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from integrations.microsoft365._read import GUID, literal, odata_time, text, when
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import Prepared
from tenantry.capabilities.backup import BackupJob, BackupSource, JobState, RecoveryPoint, SourceKind
from tenantry.errors import Rejected, TargetNotFound, VendorFault

__all__ = ["Microsoft365WorkspaceBackup"]

_ROOT: Final = "/solutions/backupRestore"
_CONFIGURATION: Final = "BackupRestore-Configuration.Read.All"
_SEARCH: Final = "BackupRestore-Search.Read.All"
_RESTORE: Final = "BackupRestore-Restore.ReadWrite.All"
_NARROW: Final = timedelta(seconds=1)
"""Points are minutes apart: this much around one holds no other."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the three services, as its paths and properties are called."""

    name: SourceKind
    unit: str
    sessions: str
    artifacts: str
    wanted: str
    """Of an addition in bulk: whom it is about."""
    where: tuple[str, ...]
    """Of an artifact: where it was restored to."""


_KINDS: Final[Mapping[str, _Kind]] = {
    one.name: one
    for one in (
        _Kind(
            *("mailbox", "mailboxProtectionUnit", "exchangeRestoreSessions", "mailboxRestoreArtifacts", "mailboxes"),
            ("restoredFolderName", "restoredFolderId"),
        ),
        _Kind(
            *("drive", "driveProtectionUnit", "oneDriveForBusinessRestoreSessions", "driveRestoreArtifacts", "drives"),
            ("restoredSiteWebUrl", "restoredSiteId"),
        ),
        _Kind(
            *("site", "siteProtectionUnit", "sharePointRestoreSessions", "siteRestoreArtifacts", "siteWebUrls"),
            ("restoredSiteWebUrl", "restoredSiteId"),
        ),
    )
}
_STATES: Final[Mapping[str, JobState]] = {
    "draft": "pending",
    "activating": "running",
    "active": "running",
    "completed": "completed",
    "completedWithError": "failed",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class _Point:
    """What a point's id says: ``<kind>/<unit>/<moment>/<restore point>``."""

    kind: _Kind
    unit: str
    moment: datetime
    id: str

    @classmethod
    def parse(cls, point: str) -> _Point:
        kind, _, rest = point.partition("/")
        unit, _, rest = rest.partition("/")
        moment, _, id = rest.partition("/")
        at = when(moment)
        if kind not in _KINDS or not GUID.fullmatch(unit) or at is None or not id:
            raise TargetNotFound(f"there is no recovery point {point!r}")
        return cls(_KINDS[kind], unit, at, id)


class Microsoft365WorkspaceBackup:
    """Implements :class:`tenantry.capabilities.WorkspaceBackup`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def sources(self) -> AsyncIterator[BackupSource]:
        """Mailboxes, drives, sites; those whose protection has ended still have points."""
        for kind in _KINDS.values():
            async for row in self._units(kind):
                name = next(
                    (text(row[key]) for key in ("email", "siteWebUrl", "directoryObjectId", "siteId") if row.get(key)),
                    "",
                )
                yield BackupSource(
                    id=f"{kind.name}/{text(row.get('id'))}", kind=kind.name, name=name, last_point_at=None, raw=row
                )

    async def points(
        self, source: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncIterator[RecoveryPoint]:
        """Five to a request, as far as they are taken."""
        kind, unit = await self._unit(source)
        before = (until or datetime.now(UTC)) + timedelta(milliseconds=1)
        while True:
            rows = await self._listed(unit, before)
            for row, at in rows:
                if since is not None and at < since:
                    return
                yield _point(kind, unit, row, at)
            if not rows:
                return
            before = rows[-1][1]

    async def restore(self, point: str, *, token: str) -> BackupJob:
        """Session, what is to be restored, activation; each only where it is not there yet."""
        meant = _Point.parse(point)
        found = await self._session(meant, token)
        if found is None:
            address = await self._address(meant)
            session = text(((await self._post(f"{_ROOT}/{meant.kind.sessions}", {})) or {}).get("id"))
            if not session:
                raise VendorFault("Graph made a restore session without an id", vendor="microsoft365")
            begin, end = odata_time(meant.moment - _NARROW), odata_time(meant.moment + _NARROW)
            wanted = {
                "displayName": _mark(token),
                meant.kind.wanted: [address],
                "protectionTimePeriod": {"startDateTime": begin, "endDateTime": end},
                "destinationType": "new",
                "restorePointPreference": "latest",
            }
            await self._post(f"{self._additions(meant.kind, session)}", wanted)
            found = {"id": session, "status": "draft"}
        if found.get("status") == "draft":
            await self._post(f"{_ROOT}/restoreSessions/{segment(text(found['id']))}/activate", None)
        begun = await self.restored(point, token=token)
        if begun is None:
            raise VendorFault("Graph does not show the restore that it took", vendor="microsoft365")
        return begun

    async def restored(self, point: str, *, token: str) -> BackupJob | None:
        """By the name of what was added to a session."""
        meant = _Point.parse(point)
        session = await self._session(meant, token)
        if session is None:
            return None
        state = _STATES.get(text(session.get("status")), "running")
        message, result, rows = _message(session), None, list[dict[str, Any]]()
        if state in ("completed", "failed"):
            path = f"{_ROOT}/{meant.kind.sessions}/{segment(text(session['id']))}/{meant.kind.artifacts}"
            rows = await self._graph.whole(path, needs=_RESTORE)
            state, message, result = _came_back(meant, state, rows, message)
        return BackupJob(
            id=text(session["id"]),
            action="restore",
            state=state,
            source=point,
            result=result,
            message=message,
            started_at=when(session.get("createdDateTime")),
            ended_at=when(session.get("completedDateTime")),
            raw={**session, "artifacts": rows},
        )

    async def _units(self, kind: _Kind) -> AsyncIterator[dict[str, Any]]:
        async for row in self._graph.rows(f"{_ROOT}/protectionUnits/microsoft.graph.{kind.unit}", needs=_CONFIGURATION):
            yield row

    async def _unit(self, source: str) -> tuple[_Kind, str]:
        """Which kind and which protection unit; an address is looked up."""
        name, _, which = source.partition("/")
        kind = _KINDS.get(name)
        if kind is None or not which:
            raise TargetNotFound(f"{source!r} is not written as mailbox/…, drive/… or site/…")
        if GUID.fullmatch(which):
            return kind, which
        whose = which
        if kind.name != "site":
            path = f"/users/{segment(which)}?$select=id"
            whose = text((await self._graph.get(path, needs="User.Read.All")).get("id"))
        async for row in self._units(kind):
            if whose in (row.get("directoryObjectId"), row.get("siteWebUrl")):
                return kind, text(row.get("id"))
        raise TargetNotFound(f"{source} is not protected by Microsoft 365 Backup")

    async def _listed(self, unit: str, before: datetime) -> list[tuple[dict[str, Any], datetime]]:
        """At most five, the newest first."""
        params = {
            "$expand": f"protectionUnit($filter=id eq {literal(unit)})",
            "$filter": f"protectionDateTime lt {odata_time(before)}",
        }
        answer = await self._graph.get(f"{_ROOT}/restorePoints", params=params, needs=_SEARCH)
        rows = answer.get("value")
        if not isinstance(rows, list):
            raise VendorFault("Graph answered a list of restore points without rows", vendor="microsoft365")
        timed = [(row, at) for row in rows if (at := when(row.get("protectionDateTime"))) is not None and at < before]
        if len(timed) != len(rows):
            raise VendorFault(
                "Graph listed a restore point without its time, or one that was not asked for", vendor="microsoft365"
            )
        return sorted(timed, key=lambda each: each[1], reverse=True)

    async def _address(self, meant: _Point) -> str:
        """What the addition calls it. Raises TargetNotFound: the point is not there any more."""
        listed = await self._listed(meant.unit, meant.moment + _NARROW)
        row = next((row for row, _ in listed if text(row.get("id")) == meant.id), None)
        if row is None:
            raise TargetNotFound("the recovery point is not there any more")
        unit = row.get("protectionUnit") or {}
        if meant.kind.name == "site":
            address = text(unit.get("siteWebUrl"))
        else:
            path = f"/users/{segment(text(unit.get('directoryObjectId')))}?$select=mail,userPrincipalName"
            person = await self._graph.get(path, needs="User.Read.All")
            address = text(person.get("mail")) or text(person.get("userPrincipalName"))
        if not address:
            raise Rejected(f"Graph does not say whose the protection {meant.unit} is", vendor="microsoft365")
        return address

    async def _session(self, meant: _Point, token: str) -> dict[str, Any] | None:
        """The session to which something was added under the token's name."""
        mark = _mark(token)
        for row in await self._graph.whole(f"{_ROOT}/{meant.kind.sessions}", needs=_RESTORE):
            path = self._additions(meant.kind, text(row.get("id")))
            if any(text(one.get("displayName")) == mark for one in await self._graph.whole(path, needs=_RESTORE)):
                return row
        return None

    def _additions(self, kind: _Kind, session: str) -> str:
        return f"{_ROOT}/{kind.sessions}/{segment(session)}/{kind.artifacts}BulkAdditionRequests"

    async def _post(self, path: str, body: Mapping[str, Any] | None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        url = f"{self._graph.base_url}/v1.0{quote(path, safe='/$.-')}"
        return await self._graph.send(Prepared("POST", url, headers, content), needs=_RESTORE)


def _mark(token: str) -> str:
    return f"tenantry {hashlib.sha256(token.encode()).hexdigest()[:32]}"


def _point(kind: _Kind, unit: str, row: dict[str, Any], at: datetime) -> RecoveryPoint:
    ends = when(row.get("expirationDateTime"))
    return RecoveryPoint(
        id=f"{kind.name}/{unit}/{text(row['protectionDateTime'])}/{text(row.get('id'))}",
        source=f"{kind.name}/{unit}",
        kind="backup",
        created_at=at,
        state="expired" if ends is not None and ends <= datetime.now(UTC) else "available",
        size=None,
        encrypted=None,
        locked_until=None,
        raw=row,
    )


def _came_back(
    meant: _Point, state: JobState, rows: list[dict[str, Any]], message: str
) -> tuple[JobState, str, str | None]:
    """What a session that is over brought back: one artifact, of the point that was meant."""
    good = [row for row in rows if row.get("status") == "succeeded"]
    if state != "completed" or len(good) != 1 or len(rows) != 1:
        said = message or next((_message(row) for row in rows if _message(row)), "")
        return "failed", said or f"{len(good)} of {len(rows)} things came back, and one was asked for", None
    (row,) = good
    restored = text((row.get("restorePoint") or {}).get("id"))
    if restored != meant.id:
        return "failed", f"another recovery point came back: {restored or 'Graph does not say which'}", None
    return "completed", "", next((text(row[key]) for key in meant.kind.where if row.get(key)), None)


def _message(row: Mapping[str, Any]) -> str:
    error = row.get("error") or {}
    return ": ".join(text(error[key]) for key in ("code", "message") if error.get(key))
