"""A host's services and databases in memory, strict as the contract is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tenantry.capabilities.host_service import DatabaseRestore
from tenantry.errors import Rejected, TargetNotFound
from tests.support.fakes import FakeTenant


@dataclass
class FakeServices:
    writes: list[tuple[str, str, Any]]
    active: dict[str, bool] = field(default_factory=lambda: {"nginx.service": False})
    tables: dict[str, int] = field(default_factory=dict)
    rows: str = "1200"
    restores: dict[str, str] = field(default_factory=dict)
    ends: str = "completed"

    def _host(self, host: str) -> None:
        if host != "web2":
            raise TargetNotFound(f"there is no host {host}")

    async def service_active(self, host: str, unit: str) -> bool:
        self._host(host)
        if unit not in self.active:
            raise TargetNotFound(f"there is no unit {unit}")
        return self.active[unit]

    async def start_service(self, host: str, unit: str) -> None:
        self._host(host)
        self.writes.append(("start", f"{host}/{unit}", None))
        self.active[unit] = True

    async def stop_service(self, host: str, unit: str) -> None:
        self._host(host)
        self.writes.append(("stop", f"{host}/{unit}", None))
        self.active[unit] = False

    async def database_tables(self, host: str, database: str) -> int | None:
        self._host(host)
        return self.tables.get(database)

    async def query(self, host: str, database: str, sql: str, *, within: float) -> str:
        self._host(host)
        return self.rows

    async def restore_database(self, host: str, database: str, dump: str, *, token: str) -> None:
        self._host(host)
        if self.restores.get(token) in ("running", "completed"):
            return
        if database in self.tables:
            raise Rejected("it has tables already")
        self.writes.append(("restore", f"{host}/{database}", dump))
        self.restores[token] = self.ends
        if self.ends == "completed":
            self.tables[database] = 3

    async def database_restore(self, host: str, *, token: str) -> DatabaseRestore:
        self._host(host)
        return DatabaseRestore(state=self.restores.get(token, "absent"), message="a line")  # type: ignore[arg-type]


def with_services(**more: Any) -> tuple[FakeTenant, FakeServices]:
    tenant = FakeTenant()
    services = FakeServices(tenant.writes, **more)
    tenant.more["host_service"] = services
    return tenant, services
