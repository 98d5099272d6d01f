"""What tests of measures of Linux hosts share: a host that is as it should be, changed by each test, and the question put to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tasks.checks._collect.postures import PosturedHost
from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture, Unit
from tenantry.capabilities.host_facts import HostAccount, HostFile
from tenantry.capabilities.posture import POSTURE_PARTS
from tenantry.errors import CannotCheck
from tests.tasks.checks.looks import LOOK

__all__ = ["account", "answered", "file", "unit"]

_AT = datetime(2026, 1, 1, tzinfo=UTC)


def account(
    name: str, uid: int, password: Any = "locked", shell: str = "/usr/sbin/nologin", **more: Any
) -> HostAccount:
    """An account."""
    home = more.pop("home", f"/home/{name}")
    return HostAccount(
        **{"id": name, "uid": uid, "gid": uid, "home": home, "shell": shell, "groups": (), "privileged": uid == 0},
        **{"password": password, "expires": None},
        **more,
    )


def file(path: str, mode: int, uid: int = 0, kind: Any = "file") -> HostFile:
    """A file with these rights."""
    return HostFile(
        **{"path": path, "kind": kind, "size": 1, "mode": mode, "uid": uid, "gid": uid, "sha256": None},
        modified_at=_AT,
        changed_at=_AT,
    )


def unit(name: str, *, active: bool = True, enabled: str = "enabled") -> dict[str, Unit]:
    """A unit by its name."""
    return {name: Unit(id=name, enabled=enabled, active=active)}


def answered(
    measure: type[HostMeasure], parameters: dict[str, Any] | None = None, /, **host: Any
) -> list[str] | str | None:
    """What a measure says of a host: what is wrong, None where it is not about it, or why it cannot tell.

    A part that the measure declares and that could not be read makes it unknown, whatever else stands there.
    """
    asked = measure(measure.Params.model_validate(parameters or {}))
    made = HostPosture(
        **{"host": "web1", "release": {}, "manager": "systemd", "responder_account": "responder", **host}
    )
    assert asked.subject(PosturedHost("web1", made)) == "web1"
    for part in asked.parts:
        assert part in POSTURE_PARTS
        assert _said(asked, made.model_copy(update={"unread": {part: "not read"}})) == "web1: not read"
    return _said(asked, made)


def _said(measure: HostMeasure, host: HostPosture) -> list[str] | str | None:
    try:
        found = measure.judge(PosturedHost("web1", host), LOOK)
    except CannotCheck as problem:
        return problem.message
    return None if found is None else list(found)
