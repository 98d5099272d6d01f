"""What a check of backups found impossible, or could not tell, stands in the MSP's queue of alerts until somebody looks at it.

The run cannot put it there: it is given nothing of the intake's. So the keeper looks at the newest check of each client and accepts an alert under an id that
follows from run and backup: however often this is done, and whoever dies in between, each is there once. The desk tells it apart from earlier ones of the same backup.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Final

from flows.alerting import OWN
from flows.pinning import backup_checks
from tenantry.alerts.door import intake_key
from tenantry.alerts.message import Sealed, seal_for_intake
from tenantry.alerts.model import Alert, Entity
from tenantry.alerts.store import AlertStore
from tenantry.broker import Supervisor
from tenantry.clock import rfc3339
from tenantry.drop.seal import public_of

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.disaster.backups import CheckedBackup
    from tenantry.run import RunState

__all__ = ["Impossible", "alerts_of"]

_RULES: Final = {"impossible": "recovery_impossible", "unknown": "recovery_unknown"}
_SEVERITY: Final = {"impossible": "high", "unknown": "medium"}


class Impossible:
    """Accepts what the newest checks found, once."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._seen: dict[str, str] = {}

    async def look(self) -> int:
        """How many alerts were new."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> int:
        found: list[tuple[str, Alert]] = []
        newest: dict[str, str] = {}
        for tenant in self._installation.tenants.names():
            check = next(backup_checks(self._installation, tenant), None)
            if check is None or self._seen.get(tenant) == check[0].run_id:
                continue
            newest[tenant] = check[0].run_id
            found += [(tenant, alert) for alert in alerts_of(tenant, *check, self._installation.journal.clock.now())]
        new = self._accept([alert for _, alert in found])
        self._seen |= newest  # only once they are there
        return new

    def _accept(self, alerts: list[Alert]) -> int:
        if not alerts:
            return 0
        vault = self._installation.vault
        public = public_of(vault.alert_key() if isinstance(vault, Supervisor) else intake_key(vault))
        sealed: list[tuple[str, Sealed]] = [
            (OWN, seal_for_intake(OWN, alert, alert.model_dump_json().encode(), public)) for alert in alerts
        ]
        store = AlertStore(self._installation.home.alerts_db)
        try:
            return store.accept(sealed, self._installation.journal.clock.now()).count(False)
        finally:
            store.close()


def alerts_of(tenant: str, state: RunState, rows: list[CheckedBackup], now: datetime) -> list[Alert]:
    """What of one check a person has to see."""
    made = [_alert(tenant, state, row, now) for row in rows if row.state in _RULES]
    refused = state.items["judged", None].output["refused"]
    return made + [_refused(tenant, state, str(text), now) for text in refused]


def _alert(tenant: str, state: RunState, row: CheckedBackup, now: datetime) -> Alert:
    rule = _RULES[row.state]
    plans = ", ".join(dict.fromkeys(f"{one.plan}/{one.system}" for one in row.systems))
    return Alert(
        uid=f"{state.run_id}/{row.through}/{row.source}"[:300],
        finding=f"{tenant}/{rule}/{row.source}"[:300],
        title=f"Recovery of {plans} cannot be relied on"[:300],
        desc=f"{row.source}: {'; '.join(row.problems)} (run {state.run_id}, {rfc3339(now)})"[:4_000],
        severity=_SEVERITY[row.state],
        types=(rule,),
        entities=(Entity(type="other", id=f"backup {row.source}"[:300]),),
        customer=tenant,
        at=now,
        product="Tenantry",
        same=(rule, row.through, row.source),
    )


def _refused(tenant: str, state: RunState, text: str, now: datetime) -> Alert:
    plan = text.split(": ")[1] if text.count(": ") > 1 else text
    return Alert(
        uid=f"{state.run_id}/plan/{plan}"[:300],
        finding=f"{tenant}/plan_refused/{plan}"[:300],
        title=f"The recovery plan {plan} cannot be carried out"[:300],
        desc=text[:4_000],
        severity="high",
        types=("plan_refused",),
        entities=(Entity(type="other", id=f"plan {plan}"[:300]),),
        customer=tenant,
        at=now,
        product="Tenantry",
        same=("plan_refused", plan),
    )
