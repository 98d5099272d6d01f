"""``/hosts``: the lab's hosts over HTTP, one path for each method of the capability ``host``.

GET reads and POST writes, so that faults meet them as they meet the other services'. The caller signs in with the lab's
sink token: who holds it holds everything here.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from integrations.lab.hosts.backups import HostBackups
from integrations.lab.hosts.state import OFF, SOURCES, LabHost
from integrations.lab.hosts.survey import survey
from integrations.lab.web import Answer, Request
from tenantry.capabilities import AuthorizedKey, CronEntry, HostUnit, Isolation, Update

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

_RESPONDER = "192.0.2.44"
"""Where the lab's hosts see the responder come from: its VPN."""


class HostService:
    """Answers requests whose path begins with ``/hosts``."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._reads: dict[str, Callable[[LabHost, Request], Any]] = {
            "facts": lambda h, _: h.facts,
            "accounts": lambda h, _: list(h.accounts.values()),
            "sessions": lambda h, _: list(h.sessions.values()),
            "logins": self._logins,
            "authorized_keys": lambda h, _: list(h.keys.values()),
            "other_ways_in": lambda h, _: h.other_ways_in,
            "units": lambda h, _: list(h.units.values()),
            "cron": lambda h, _: list(h.cron.values()),
            "processes": lambda h, _: list(h.processes.values()),
            "connections": lambda h, _: h.connections,
            "packages": lambda h, _: list(h.packages.values()),
            "updates": lambda h, _: list(h.updates.values()),
            "files": lambda h, r: h.below(json.loads(r.query.get("paths", "[]"))),
            "read_file": lambda h, r: _data(h.files[r.query["path"]].content),
            "volatile_sources": lambda _h, _r: list(SOURCES),
            "volatile": lambda h, r: _data(h.source(_known(r.query["source"]))),
            "process_image": self._image,
            "survey": lambda h, r: survey(r.path.strip("/").split("/")[1], h),
            "isolation": lambda h, _: h.isolation,
            "reaches": self._reaches,
        }
        self._writes: dict[str, Callable[[str, LabHost, dict[str, Any]], None]] = {
            "lock_account": self._lock,
            "unlock_account": self._unlock,
            "end_sessions": self._end_sessions,
            "set_key_enabled": self._key,
            "set_cron_enabled": self._cron,
            "set_unit_enabled": self._unit,
            "signal": self._signal,
            "install_updates": self._install,
            "isolate": self._isolate,
            "release": self._release,
        }
        backups = HostBackups(lab)
        self._reads |= backups.reads
        self._writes |= backups.writes

    def answer(self, request: Request) -> Answer:
        """404 for what is not there, 400 for what cannot be read."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self._lab.sink_token.encode()):
            return Answer(401, {"error": "unauthorized"})
        parts = request.path.strip("/").split("/")
        hosts = self._lab.tenant.hosts
        if len(parts) == 1:
            rows = [{"id": n, "address": h.address, "gateway": h.gateway} for n, h in hosts.items()]
            return Answer(200, {"value": rows})
        if len(parts) != 3 or parts[1] not in hosts:
            return Answer(404, {"error": "not_found"})
        name, host, what = parts[1], hosts[parts[1]], parts[2]
        if not host.reachable:
            return Answer(421, {"error": "unreachable"})
        try:
            if request.method == "GET" and what in self._reads:
                return Answer(200, {"value": _plain(self._reads[what](host, request))})
            if request.method == "POST" and what in self._writes:
                self._writes[what](name, host, json.loads(request.body))
                return Answer(200, {})
        except KeyError:
            return Answer(404, {"error": "not_found"})
        except (ValueError, ValidationError, TypeError):
            return Answer(400, {"error": "invalid"})
        return Answer(404, {"error": "not_found"})

    # --- reads --------------------------------------------------------------------------------------------------------

    def _logins(self, host: LabHost, request: Request) -> Any:
        since = datetime.fromisoformat(request.query["since"])
        return [login for login in host.logins if login.at >= since]

    def _image(self, host: LabHost, request: Request) -> Any:
        process = host.processes[request.query["process"]]
        if request.query["part"] == "maps":
            return _data(f"00400000-00500000 r-xp 0 00:00 0 {process.executable}\n".encode())
        return _data(host.images.get(process.id, process.executable.encode()))

    def _reaches(self, host: LabHost, request: Request) -> Any:
        other = self._lab.tenant.hosts[request.query["other"]]
        return other.reachable and not (host.isolation.active or other.isolation.active)

    # --- writes -------------------------------------------------------------------------------------------------------

    def _wrote(self, method: str, target: str, before: Any, after: Any) -> None:
        self._lab.wrote("hosts", method, target, _plain(before), _plain(after), "responder")

    def _lock(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        before = host.accounts[body["account"]]
        host.lock(body["account"])
        self._wrote("lock_account", f"{name}/accounts/{before.id}", before, host.accounts[before.id])

    def _unlock(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        before = host.accounts[body["account"]]
        expires = date.fromisoformat(body["expires"]) if body["expires"] else None
        host.unlock(before.id, password=bool(body["password"]), expires=expires)
        self._wrote("unlock_account", f"{name}/accounts/{before.id}", before, host.accounts[before.id])

    def _end_sessions(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        account = host.accounts[body["account"]].id
        ended = host.end_sessions(account)
        self._wrote("end_sessions", f"{name}/accounts/{account}", {"processes": ended}, {"processes": []})

    def _key(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        wanted = AuthorizedKey.model_validate(body["key"])
        before = host.keys.get(wanted.id)
        if before is None:
            return
        host.keys[wanted.id] = before.model_copy(update={"enabled": bool(body["enabled"])})
        self._wrote("set_key_enabled", f"{name}/keys/{wanted.id}", before, host.keys[wanted.id])

    def _cron(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        wanted = CronEntry.model_validate(body["entry"])
        before = host.cron[wanted.id]
        host.cron[wanted.id] = before.model_copy(update={"enabled": bool(body["enabled"])})
        self._wrote("set_cron_enabled", f"{name}/cron/{wanted.id}", before, host.cron[wanted.id])

    def _unit(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        wanted = HostUnit.model_validate(body["unit"])
        before = host.units[wanted.id]
        host.set_unit(wanted.id, bool(body["enabled"]), wanted)
        self._wrote("set_unit_enabled", f"{name}/units/{wanted.id}", before, host.units[wanted.id])

    def _signal(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        process, kind = str(body["process"]), body["kind"]
        if kind == "kill" and process not in host.processes:
            return
        before = host.processes[process]
        if kind == "kill":
            host.kill(process)
        else:
            host.set_state(process, {"stop": "T", "continue": "S"}[kind])
        self._wrote(f"signal_{kind}", f"{name}/processes/{process}", before, host.processes.get(process))

    def _install(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        for row in body["updates"]:
            update = Update.model_validate(row)
            if update.id in host.updates:
                host.update(update.id, update.offered)
                self._wrote("install_update", f"{name}/packages/{update.id}", update.present, update.offered)

    def _isolate(self, name: str, host: LabHost, body: dict[str, Any]) -> None:
        before = host.isolation
        allowed = tuple(sorted({*map(str, body["allowed"]), f"{_RESPONDER}/32"}))
        host.isolation = Isolation(active=True, confirmed=True, allowed=allowed)
        self._wrote("isolate", f"{name}/isolation", before, host.isolation)

    def _release(self, name: str, host: LabHost, _body: dict[str, Any]) -> None:
        before, host.isolation = host.isolation, OFF
        self._wrote("release", f"{name}/isolation", before, OFF)


def _known(source: str) -> str:
    if source not in SOURCES:
        raise KeyError(source)
    return source


def _data(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
