"""One recovery point of one host, for the tasks that get files back from it. They share a token, so that what one of them staged is what the
next one compares and puts in place."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.host._common import OnHost
from tenantry.task import Context, Permission


class OnePoint(OnHost):
    """Parameters."""

    point: Annotated[str, Field(min_length=1, max_length=500, description="Id of the recovery point")]


def token(ctx: Context, p: OnePoint) -> str:
    """Of what this run stages of a recovery point, for ever."""
    return f"{ctx.run.run_id}/{p.host}/{p.point}"


def linux(*names: str) -> Permission:
    """Programs that are run as root."""
    return Permission(vendor="linux", names=names)


class Due(BaseModel):
    """What of a staged recovery point is not in its place, by the rule of ``HostBackup.put_in_place``."""

    model_config = ConfigDict(extra="forbid")
    same: int = 0
    missing: int = 0
    changed: int = 0
    left: int = 0
    """Differ, and were changed before the time in question: the client's own work after the backup."""
    first: list[str] = []
    """What is due, the first 200."""
    left_first: list[str] = []
    digest: str = ""
    """SHA-256 over paths and digests of all that is due, in the order in which they came."""

    @property
    def due(self) -> int:
        return self.missing + self.changed


class Counter:
    """Adds up a comparison in constant memory."""

    def __init__(self, most: int = 200) -> None:
        self._found = Due()
        self._most = most
        self._digest = hashlib.sha256()

    def add(self, path: str, sha256: str, *, same: bool, due: bool, there: bool) -> None:
        found = self._found
        if same:
            found.same += 1
        elif not due:
            found.left += 1
            if len(found.left_first) < self._most:
                found.left_first.append(path)
        else:
            found.missing += not there
            found.changed += there
            self._digest.update(f"{path}\0{sha256}\n".encode("utf-8", "surrogatepass"))
            if len(found.first) < self._most:
                found.first.append(path)

    def close(self) -> Due:
        self._found.digest = self._digest.hexdigest()
        return self._found
