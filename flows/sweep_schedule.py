"""What is done for a client again and again, as often as its file says: the service begins runs of `compromise_sweep`, `compliance_sweep`,
`backup_check` and `alert_pull`.

As for credentials that are due (`flows.rotating`), a run stands in the record before Prefect hears of it, and its id follows from the
client and the period: whoever died between recording it and giving it to Prefect begins none twice. Each client has its own minute of the
period, which follows from its name, so that a hundred clients with the same period are spread over it and stay where they are.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flows import complying, sweeping
from flows.assembly import Installation
from flows.recording import prepare
from tenantry.disaster.checking import CHECK
from tenantry.errors import NotFound, TenantryError
from tenantry.run import RunState
from tenantry.tenants import Tenant

__all__ = ["AT_ONCE", "BACKUPS", "COMPLIANCE", "COMPROMISE", "Regular", "Sweeps", "hours", "run_id_of", "slot_of"]

AT_ONCE: Final = 4
"""Sweeps that one look begins."""
_NAMESPACE: Final = uuid.UUID("9f3c1f6e-2b1d-4c55-8a51-3d7b0c9f7e02")
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Regular:
    """A kind of run that comes again and again.

    Attributes:
        salt: what its minutes and ids are told apart by from those of other kinds.
        every: time between two, whole minutes, by the client's file; None: only when somebody asks.
        begin: records a run under that id.
        at_once: how many one look begins. After a long pause of the service all clients are due.
    """

    runbook: str
    salt: str
    every: Callable[[Tenant], timedelta | None]
    begin: Callable[[Installation, Tenant, Mapping[str, Any], str], object]
    at_once: int = AT_ONCE


def hours(number: int | None) -> timedelta | None:
    """As clients' files have it."""
    return None if number is None else timedelta(hours=number)


COMPROMISE: Final = Regular(
    sweeping.RUNBOOK,
    "",
    lambda tenant: hours(tenant.sweep.every_hours),
    lambda installation, tenant, requester, run_id: sweeping.begin(
        installation, tenant.name, tenant.sweep.days, requester, run_id
    ),
)
COMPLIANCE: Final = Regular(
    complying.RUNBOOK,
    "compliance/",
    lambda tenant: hours(tenant.compliance.every_hours),
    lambda installation, tenant, requester, run_id: complying.begin(
        installation, tenant.name, tenant.compliance.baselines, requester, run_id=run_id
    ),
)

BACKUPS: Final = Regular(
    CHECK,
    "backups/",
    lambda tenant: hours(tenant.recovery.check_every_hours),
    lambda installation, tenant, requester, run_id: prepare(
        installation, CHECK, tenant.name, {}, "run", requester, run_id
    ),
)


def slot_of(tenant: str, every: timedelta, now: datetime, salt: str = "") -> int:
    """Which of a client's regular runs is due, counted from its own minute of the first period."""
    period = int(every.total_seconds())
    minute = int.from_bytes(hashlib.sha256(f"{salt}{tenant}".encode()).digest()[:8]) % (period // 60)
    return (int(now.timestamp()) - minute * 60) // period


def run_id_of(tenant: str, every: timedelta, slot: int, salt: str = "") -> str:
    """The id of one of a client's regular runs."""
    return str(uuid.uuid5(_NAMESPACE, f"{salt}{tenant}/{int(every.total_seconds())}/{slot}"))


class Sweeps:
    """Begins what is due.

    Args:
        schedule: gives a recorded run to Prefect.
        kind: of run.
    """

    def __init__(
        self,
        installation: Installation,
        schedule: Callable[[RunState], Awaitable[object]],
        kind: Regular = COMPROMISE,
    ) -> None:
        self._kind = kind
        self._installation = installation
        self._schedule = schedule

    async def look(self) -> list[str]:
        """Begin what is due and was not begun; ids of the runs."""
        begun: list[str] = []
        for name in await asyncio.to_thread(self._installation.tenants.names):
            if len(begun) == self._kind.at_once:
                break
            try:
                state = await asyncio.to_thread(self._recorded, name)
            except TenantryError as error:  # a broken file of one client keeps nobody else's waiting
                _LOG.warning("%s: no run of %s could be begun: %s", name, self._kind.runbook, error.message)
                continue
            if state is not None:
                begun.append(state.run_id)
                await self._schedule(state)
        return begun

    def _recorded(self, name: str) -> RunState | None:
        """The run, recorded now; None where nothing is due."""
        tenant = self._installation.tenants.get(name)
        every, salt = self._kind.every(tenant), self._kind.salt
        if every is None:
            return None
        run_id = run_id_of(name, every, slot_of(name, every, self._installation.journal.clock.now(), salt), salt)
        try:
            self._installation.journal.run(run_id)
        except NotFound:
            return None if self._under_way(tenant) else self._begun(tenant, run_id, every)
        return None

    def _under_way(self, tenant: Tenant) -> bool:
        """Whether the client's last one is not over: the next one waits for it."""
        runs = self._installation.journal.runs(tenant.name)
        newest = next((one for one in runs if one.runbook == self._kind.runbook), None)
        return newest is not None and newest.standing in ("created", "running", "interrupted")

    def _begun(self, tenant: Tenant, run_id: str, every: timedelta) -> RunState:
        minutes = int(every.total_seconds()) // 60
        often = f"{minutes} min" if minutes % 60 else f"{minutes // 60} h"
        requester = {"person": None, "name": f"schedule (every {often})", "proven": False, "via": "schedule"}
        self._kind.begin(self._installation, tenant, requester, run_id)
        return self._installation.state(run_id)
