"""The capability ``host`` in memory for tests of tasks: the lab's story of a compromised host, and every write in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any

from integrations.lab import Lab
from integrations.lab.hosts.state import OFF, SOURCES, LabHost
from integrations.lab.hosts.survey import survey
from tenantry.capabilities import (
    AuthorizedKey,
    CronEntry,
    HostFile,
    HostLogin,
    HostRef,
    HostSurvey,
    HostUnit,
    Isolation,
    Update,
)
from tenantry.errors import TargetNotFound, Unreachable

from .fakes import NOW, FakeTenant


class FakeHost:
    """Strict: what is not there is TargetNotFound."""

    def __init__(self, writes: list[tuple[str, str, Any]], state: dict[str, LabHost] | None = None) -> None:
        self._writes = writes
        self.state: dict[str, LabHost] = (
            state if state is not None else Lab("compromised_host", users=20, clock=lambda: NOW).tenant.hosts
        )

    @property
    def web(self) -> LabHost:
        return self.state["web1"]

    def _of(self, host: str) -> LabHost:
        if host not in self.state:
            raise TargetNotFound(f"there is no host {host}")
        if not self.state[host].reachable:
            raise Unreachable(f"{host} does not answer")
        return self.state[host]

    async def hosts(self) -> Sequence[HostRef]:
        return [HostRef(id=n, address=h.address, gateway=h.gateway) for n, h in self.state.items()]

    async def facts(self, host: str) -> Any:
        return self._of(host).facts

    async def accounts(self, host: str) -> Any:
        return list(self._of(host).accounts.values())

    async def sessions(self, host: str) -> Any:
        return list(self._of(host).sessions.values())

    async def logins(self, host: str, since: datetime) -> AsyncIterator[HostLogin]:
        for login in self._of(host).logins:
            if login.at >= since:
                yield login

    async def authorized_keys(self, host: str) -> Any:
        return list(self._of(host).keys.values())

    async def other_ways_in(self, host: str) -> Any:
        return list(self._of(host).other_ways_in)

    async def units(self, host: str) -> Any:
        return list(self._of(host).units.values())

    async def cron(self, host: str) -> Any:
        return list(self._of(host).cron.values())

    async def processes(self, host: str) -> Any:
        return list(self._of(host).processes.values())

    async def connections(self, host: str) -> Any:
        return list(self._of(host).connections)

    async def packages(self, host: str) -> Any:
        return list(self._of(host).packages.values())

    async def updates(self, host: str) -> Any:
        return list(self._of(host).updates.values())

    async def files(self, host: str, paths: Sequence[str]) -> AsyncIterator[HostFile]:
        for file in self._of(host).below(list(paths)):
            yield file

    async def read_file(self, host: str, path: str) -> AsyncIterator[bytes]:
        yield self._of(host).files[path].content

    async def volatile_sources(self, host: str) -> Sequence[str]:
        self._of(host)
        return list(SOURCES)

    async def volatile(self, host: str, source: str) -> AsyncIterator[bytes]:
        yield self._of(host).source(source)

    async def process_image(self, host: str, process: str, part: str) -> AsyncIterator[bytes]:
        if process not in self._of(host).processes:
            raise TargetNotFound(f"there is no process {process}")
        yield b"maps" if part == "maps" else self._of(host).images.get(process, b"program")

    async def survey(self, host: str) -> HostSurvey:
        return survey(host, self._of(host))

    async def isolation(self, host: str) -> Isolation:
        return self._of(host).isolation

    async def reaches(self, host: str, other: str) -> bool:
        return not (self._of(host).isolation.active or self._of(other).isolation.active)

    # --- writes -------------------------------------------------------------------------------------------------------

    async def lock_account(self, host: str, account: str) -> None:
        self._of(host).lock(account)
        self._writes.append(("lock_account", account, None))

    async def unlock_account(self, host: str, account: str, *, password: bool, expires: date | None) -> None:
        self._of(host).unlock(account, password=password, expires=expires)
        self._writes.append(("unlock_account", account, (password, expires)))

    async def end_sessions(self, host: str, account: str) -> None:
        self._of(host).end_sessions(account)
        self._writes.append(("end_sessions", account, None))

    async def set_key_enabled(self, host: str, key: AuthorizedKey, enabled: bool) -> None:
        keys = self._of(host).keys
        keys[key.id] = keys[key.id].model_copy(update={"enabled": enabled})
        self._writes.append(("set_key_enabled", key.id, enabled))

    async def set_unit_enabled(self, host: str, unit: HostUnit, enabled: bool) -> None:
        self._of(host).set_unit(unit.id, enabled, unit)
        self._writes.append(("set_unit_enabled", unit.id, enabled))

    async def set_cron_enabled(self, host: str, entry: CronEntry, enabled: bool) -> None:
        cron = self._of(host).cron
        cron[entry.id] = cron[entry.id].model_copy(update={"enabled": enabled})
        self._writes.append(("set_cron_enabled", entry.id, enabled))

    async def signal(self, host: str, process: str, kind: str) -> None:
        found = self._of(host)
        if process not in found.processes:
            if kind == "kill":
                return
            raise TargetNotFound(f"there is no process {process}")
        if kind == "kill":
            found.kill(process)
        else:
            found.set_state(process, {"stop": "T", "continue": "S"}[kind])
        self._writes.append((f"signal_{kind}", process, None))

    async def install_updates(self, host: str, updates: Sequence[Update]) -> None:
        for update in updates:
            self._of(host).update(update.id, update.offered)
            self._writes.append(("install_updates", update.id, update.offered))

    async def isolate(self, host: str, allowed: Sequence[str]) -> None:
        self._of(host).isolation = Isolation(active=True, confirmed=True, allowed=tuple(allowed))
        self._writes.append(("isolate", host, tuple(allowed)))

    async def release(self, host: str) -> None:
        self._of(host).isolation = OFF
        self._writes.append(("release", host, None))


def web(tenant: FakeTenant) -> LabHost:
    """The compromised host of a tenant."""
    return tenant.host.web


def key_of(tenant: FakeTenant, account: str) -> AuthorizedKey:
    return next(key for key in web(tenant).keys.values() if key.account == account)


def implant(tenant: FakeTenant) -> str:
    return next(process.id for process in web(tenant).processes.values() if process.account == "sysupd")
