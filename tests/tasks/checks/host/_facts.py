"""One host's survey in the words of a test, and what a check says to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tasks.checks._collect.hosts import SurveyedHost
from tenantry.capabilities import AuthorizedKey, CronEntry, HostAccount, HostConnection, HostSurvey, Process
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Known, Look

NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
OLD: Final = NOW - timedelta(days=400)
NEW: Final = NOW - timedelta(days=2)


def survey(**of: Any) -> SurveyedHost:
    """A host on which there is nothing but what is said."""
    owners = dict.fromkeys(of.pop("owned", ()), "package")
    given: dict[str, Any] = {
        "host": "web1",
        "system": "Debian GNU/Linux 12 (bookworm)",
        "kernel": "6.1.0",
        "manager": "systemd",
        "responder_account": "responder",
        "responder_key": "SHA256:ours",
        "owners": owners,
        **of,
    }
    return SurveyedHost("web1", HostSurvey(**given))


def put(
    area: str, path: str, content: str | None = "", *, mode: int = 0o644, at: datetime = NEW, **of: Any
) -> PlacedFile:
    """A file."""
    return PlacedFile(area=area, path=path, mode=mode, uid=0, changed_at=at, content=content, **of)


def account(name: str, uid: int, shell: str = "/bin/bash", password: str = "locked") -> HostAccount:
    """An account without groups of weight."""
    return HostAccount.model_validate(
        {
            "id": name,
            "uid": uid,
            "gid": uid,
            "home": f"/home/{name}",
            "shell": shell,
            "groups": (name,),
            "privileged": uid == 0,
            "password": password,
            "expires": None,
        }
    )


def key(
    owner: str, fingerprint: str = "SHA256:other", options: str = "", *, at: datetime = NEW, enabled: bool = True
) -> AuthorizedKey:
    """A key that lets somebody in."""
    path = f"/home/{owner}/.ssh/authorized_keys"
    return AuthorizedKey(
        id=f"{path}#{fingerprint}",
        account=owner,
        path=path,
        fingerprint=fingerprint,
        kind="ssh-ed25519",
        comment="somebody",
        options=options,
        enabled=enabled,
        line="",
        file_sha256="",
        file_changed_at=at,
    )


def job(
    command: str, *, path: str = "/etc/cron.d/x", owner: str = "root", at: datetime = NEW, enabled: bool = True
) -> CronEntry:
    """A line of cron."""
    return CronEntry(
        id=f"{path}#1",
        kind="line",
        account=owner,
        path=path,
        schedule="* * * * *",
        command=command,
        enabled=enabled,
        line=command,
        file_changed_at=at,
        package=None,
    )


def process(
    pid: int,
    executable: str,
    *arguments: str,
    parent: int = 1,
    deleted: bool = False,
    name: str = "",
    at: datetime = NEW,
) -> Process:
    """A process of root's."""
    return Process(
        id=f"{pid}:1",
        pid=pid,
        parent=parent,
        account="root",
        uid=0,
        state="S",
        name=name or executable.rsplit("/", 1)[-1][:15],
        executable=executable,
        deleted=deleted,
        arguments=arguments or (executable,),
        started_at=at,
    )


def connection(*pids: int, remote: str = "", port: int = 443, local: str = "0.0.0.0:4444") -> HostConnection:
    """One that is open to there, or waits."""
    return HostConnection(
        protocol="tcp",
        state="ESTAB" if remote else "LISTEN",
        local=local,
        remote=remote,
        remote_port=port if remote else 0,
        pids=pids,
    )


def found(check: Check[Any], fact: SurveyedHost, known: Known | None = None) -> list[tuple[str, str]]:
    """Severity of each finding and what it is about."""
    look = Look(NOW, NOW - timedelta(days=30), known or Known())
    return [(one.severity, one.event_ids[0]) for one in check.evaluate(fact, look)]


def cannot(check: Check[Any], *parts: str) -> None:
    """That a host which is away, and one of which a part was not read, cannot be judged."""
    with pytest.raises(CannotCheck, match="web1: it is away"):
        found(check, SurveyedHost("web1", None, "it is away"))
    for part in parts:
        with pytest.raises(CannotCheck, match="web1: not granted"):
            found(check, survey(unread={part: "not granted"}))
