"""Backups of the lab's hosts: recovery points, staged beside the files, put in their places by the rule of the capability.

Everything is done at once; :func:`~integrations.lab.hosts.backups.rows` gives what is in the staging folder with what is in its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from integrations.lab.hosts.state import LabFile, LabHost, Staging
from integrations.lab.web import Request
from tenantry.capabilities import BackupJob, RecoveryPoint, StagedFile

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

__all__ = ["HostBackups"]


class HostBackups:
    """What the hosts' service answers about backups."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.reads: dict[str, Callable[[LabHost, Request], Any]] = {
            "points": lambda h, _: points(h),
            "staged": lambda h, r: job(h, r.query["point"], r.query["token"]),
            "compare": lambda h, r: rows(h, r.query["point"], r.query["token"]),
            "placing": lambda _h, _r: False,
        }
        self.writes: dict[str, Callable[[str, LabHost, dict[str, Any]], None]] = {
            "stage": self._stage,
            "put_in_place": self._put_in_place,
            "put_back": self._put_back,
            "remove_staged": self._remove_staged,
        }

    def _stage(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        found = host.points[body["point"]]
        place = _place(body["point"], body["token"])
        if place in host.staging:
            return
        roots = [str(path).rstrip("/") for path in body["paths"]]
        chosen = {
            path: data
            for path, data in found.files.items()
            if not roots or any(path == root or path.startswith(f"{root}/") for root in roots)
        }
        host.staging[place] = Staging(chosen)
        self._wrote("stage", name, body, None, {"files": len(chosen)})

    def _put_in_place(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        staging = host.staging[_place(body["point"], body["token"])]
        since, now = datetime.fromisoformat(body["since"]), self._lab.now()
        due = [row for row in rows(host, body["point"], body["token"]) if row.due(since)]
        for row in due:
            staging.kept.setdefault(row.path, host.files.get(row.path))
            mode = host.files[row.path].mode if row.path in host.files else 0o644
            host.files[row.path] = LabFile(staging.files[row.path], now, mode)
        if due:
            before = {row.path: row.present_sha256 for row in due}
            self._wrote("put_in_place", name, body, before, {row.path: row.sha256 for row in due})

    def _put_back(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        staging = host.staging[_place(body["point"], body["token"])]
        returned = []
        for path, kept in list(staging.kept.items()):
            present = host.files.get(path)
            if present is None or present.content != staging.files[path]:
                continue
            if kept is None:
                del host.files[path]
            else:
                host.files[path] = LabFile(kept.content, self._lab.now(), kept.mode)
            del staging.kept[path]
            returned.append(path)
        if returned:
            self._wrote("put_back", name, body, None, {"files": len(returned)})

    def _remove_staged(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        if host.staging.pop(_place(body["point"], body["token"]), None) is not None:
            self._wrote("remove_staged", name, body, None, None)

    def _wrote(self, method: str, name: str, body: Mapping[str, Any], before: Any, after: Any) -> None:
        self._lab.wrote("hosts", method, f"{name}/restores/{body['point']}", before, after, "responder")


def _place(point: str, token: str) -> str:
    return f"{point} {token}"


def points(host: LabHost) -> list[RecoveryPoint]:
    """Newest first."""
    return [
        RecoveryPoint(
            id=id,
            source=host.facts.id,
            kind="backup",
            created_at=made.at,
            state="available",
            size=sum(map(len, made.files.values())),
            encrypted=True,
            locked_until=None,
            raw={"id": id, "time": made.at.isoformat(), "files": len(made.files)},
        )
        for id, made in sorted(host.points.items(), key=lambda each: each[1].at, reverse=True)
    ]


def job(host: LabHost, point: str, token: str) -> BackupJob | None:
    """Completed as soon as it was begun. Raises KeyError for a point that is not there."""
    staging = host.staging.get(_place(point, token))
    if staging is None:
        return None
    return BackupJob(
        id=f"{host.facts.id}:restore:{point}",
        action="restore",
        state="completed",
        source=point,
        result=f"/var/restore/{point}",
        message="",
        started_at=None,
        ended_at=None,
        raw={},
    )


def rows(host: LabHost, point: str, token: str) -> list[StagedFile]:
    """Raises KeyError while nothing is staged."""
    staging = host.staging[_place(point, token)]
    found = []
    for path, data in sorted(staging.files.items()):
        there = host.files.get(path)
        found.append(
            StagedFile(
                path=path,
                sha256=_digest(data),
                size=len(data),
                present_sha256=_digest(there.content) if there is not None else None,
                changed_at=there.changed_at if there is not None else None,
                kept=path in staging.kept,
            )
        )
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
