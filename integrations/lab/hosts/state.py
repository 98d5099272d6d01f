"""What is on each host, in the words of the capability ``host``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from tenantry.capabilities import (
    AuthorizedKey,
    CronEntry,
    HostAccount,
    HostConnection,
    HostFacts,
    HostFile,
    HostLogin,
    HostSession,
    HostUnit,
    Isolation,
    OtherWayIn,
    Package,
    Process,
    Update,
)

OFF = Isolation(active=False, confirmed=False, allowed=())
LOCKED = date(1970, 1, 2)


@dataclass(slots=True)
class LabFile:
    """A file: its content, and when it was changed last."""

    content: bytes
    changed_at: datetime
    mode: int = 0o644


@dataclass(slots=True)
class LabPoint:
    """A recovery point of a host: what was in its files then."""

    at: datetime
    files: dict[str, bytes]


@dataclass(slots=True)
class Staging:
    """A recovery point that was restored beside the host's files.

    Attributes:
        files: path → what was restored.
        kept: path → what was replaced; None: nothing was there.
    """

    files: dict[str, bytes]
    kept: dict[str, LabFile | None] = field(default_factory=dict)


@dataclass(slots=True)
class LabHost:
    """One host. Everything that a reader sees, by its id."""

    facts: HostFacts
    address: str
    gateway: bool = False
    accounts: dict[str, HostAccount] = field(default_factory=dict)
    keys: dict[str, AuthorizedKey] = field(default_factory=dict)
    other_ways_in: list[OtherWayIn] = field(default_factory=list)
    units: dict[str, HostUnit] = field(default_factory=dict)
    cron: dict[str, CronEntry] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)
    """Process → what it was started from."""
    connections: list[HostConnection] = field(default_factory=list)
    sessions: dict[str, HostSession] = field(default_factory=dict)
    logins: list[HostLogin] = field(default_factory=list)
    packages: dict[str, Package] = field(default_factory=dict)
    updates: dict[str, Update] = field(default_factory=dict)
    files: dict[str, LabFile] = field(default_factory=dict)
    isolation: Isolation = OFF
    reachable: bool = True
    """False: nobody gets in, we neither: it is switched off, or the intruder shut us out."""
    points: dict[str, LabPoint] = field(default_factory=dict)
    """Recovery points of its repository, by id."""
    staging: dict[str, Staging] = field(default_factory=dict)
    """By recovery point and token."""

    # --- what happens to it -------------------------------------------------------------------------------------------

    def lock(self, name: str) -> None:
        account = self.accounts[name]
        self.accounts[name] = account.model_copy(update={"password": "locked", "expires": LOCKED})

    def unlock(self, name: str, *, password: bool, expires: date | None) -> None:
        account = self.accounts[name]
        update: dict[str, Any] = {"expires": expires, **({"password": "set"} if password else {})}
        self.accounts[name] = account.model_copy(update=update)

    def end_sessions(self, name: str) -> list[str]:
        """Every process of the account; their ids."""
        ended = [process.id for process in self.processes.values() if process.account == name]
        for process in ended:
            self.kill(process)
        self.sessions = {id: session for id, session in self.sessions.items() if session.account != name}
        return ended

    def kill(self, process: str) -> None:
        gone = self.processes.pop(process, None)
        if gone is not None:
            self.connections = [c for c in self.connections if gone.pid not in c.pids]

    def set_state(self, process: str, state: str) -> None:
        self.processes[process] = self.processes[process].model_copy(update={"state": state})

    def set_unit(self, unit: str, enabled: bool, was: HostUnit) -> None:
        present = self.units[unit]
        if enabled:
            self.units[unit] = was
        else:
            self.units[unit] = present.model_copy(update={"enabled": "masked", "active": "inactive"})

    def update(self, name: str, version: str) -> None:
        self.updates.pop(name, None)
        if name in self.packages:
            self.packages[name] = self.packages[name].model_copy(update={"version": version})

    # --- files --------------------------------------------------------------------------------------------------------

    def put(self, path: str, content: bytes, at: datetime, mode: int = 0o644) -> None:
        self.files[path] = LabFile(content, at, mode)

    def file(self, path: str) -> HostFile:
        found = self.files[path]
        return HostFile(
            path=path,
            kind="file",
            size=len(found.content),
            mode=found.mode,
            uid=0,
            gid=0,
            modified_at=found.changed_at,
            changed_at=found.changed_at,
            sha256=hashlib.sha256(found.content).hexdigest(),
        )

    def below(self, paths: list[str]) -> list[HostFile]:
        return [
            self.file(path)
            for path in sorted(self.files)
            if any(path == root or path.startswith(f"{root.rstrip('/')}/") for root in paths)
        ]

    def source(self, name: str) -> bytes:
        """A volatile source, as text."""
        rows: list[Any]
        if name == "connections":
            rows = list(self.connections)
        elif name == "processes":
            rows = list(self.processes.values())
        elif name == "sessions":
            rows = list(self.sessions.values())
        elif name == "temporary-files":
            rows = self.below(["/tmp", "/dev/shm"])  # noqa: S108  # looked at
        else:
            rows = [self.facts]
        return b"".join(row.model_dump_json().encode() + b"\n" for row in rows)


SOURCES = ("clock", "connections", "processes", "sessions", "temporary-files")
"""Of every host of the lab, the most fleeting first."""

Signal = Literal["stop", "continue", "kill"]
