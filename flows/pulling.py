"""A client's own systems are asked for their alerts, where its file says how often: runs of `alert_pull` that the service begins.

Only a run's own child has a client's credentials, so asking is a run like any other, and the record says when each source was asked and what could
not be. What it reads is sealed to the intake's public key and accepted as what comes over the network is; whoever decides on alerts decides on it.

A provider is asked again for the last quarter of an hour of what was read before: vendors list some alerts later than their time says. What is known already is known by its
id. The cursor goes on only when a provider was read to its end, to the newest alert that it listed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import ValidationError

from flows.recording import prepare
from flows.sweep_schedule import Regular
from tenantry.alerts.cursors import Cursors
from tenantry.alerts.door import intake_key
from tenantry.alerts.message import Sealed, seal_for_intake
from tenantry.alerts.model import Alert, clean
from tenantry.alerts.reading import Reading
from tenantry.alerts.source import source
from tenantry.alerts.store import AlertStore
from tenantry.broker import BrokeredVault
from tenantry.capabilities.intake import Pulled
from tenantry.drop.seal import public_of
from tenantry.errors import Conflict, InvalidInput, NotFound, OutOfScope, TenantryError

if TYPE_CHECKING:
    from flows.assembly import Installation, Source, TenantContext
    from tenantry.capabilities.security_alerts import SecurityAlert
    from tenantry.tenants import Tenant

__all__ = ["OVERLAP", "PULLS", "RUNBOOK", "TenantIntake", "source_of"]

RUNBOOK: Final = "alert_pull"
OVERLAP: Final = timedelta(minutes=15)
_BATCH: Final = 100
_LOG: Final = logging.getLogger(__name__)


def source_of(tenant: str, provider: str) -> str:
    """What alerts of a client's own provider are said to come from."""
    return f"{tenant}/{provider}"


class TenantIntake:
    """The ``intake`` capability: `tenantry.capabilities.intake`."""

    def __init__(self, installation: Installation, context: TenantContext, *, drill: bool) -> None:
        self._installation = installation
        self._context = context
        self._drill = drill

    async def pull(self, now: datetime, first: timedelta) -> list[Pulled]:
        """As the contract says. Providers are asked one after the other; one that cannot be asked keeps none of the others from it.

        Raises:
            OutOfScope: in a drill, whose alerts would open real incidents. Conflict: nobody has begun to decide on alerts yet.
        """
        if self._drill:
            raise OutOfScope("a drill accepts no alerts", remedy="Leave this step out of the drill.")
        store = await asyncio.to_thread(AlertStore, self._installation.home.alerts_db)
        try:
            cursors = Cursors(store)
            public = await asyncio.to_thread(self._public, cursors)
            return [await self._of(one, store, cursors, public, now, first) for one in self._asked()]
        finally:
            store.close()

    def _asked(self) -> list[Source]:
        return [
            one
            for one in self._context.sources()
            if "security_alerts"
            in (one.config.capabilities or self._installation.providers[one.config.vendor].capabilities)
        ]

    def _public(self, cursors: Cursors) -> bytes:
        vault = self._installation.vault
        if not isinstance(vault, BrokeredVault):
            return public_of(intake_key(vault))
        found = cursors.public()
        if found is None:
            raise Conflict(
                "nobody decides on alerts yet", remedy="Try again once the service has been up for a moment."
            )
        return found

    async def _of(
        self, one: Source, store: AlertStore, cursors: Cursors, public: bytes, now: datetime, first: timedelta
    ) -> Pulled:
        name = source_of(self._context.name, one.key)
        known = await asyncio.to_thread(cursors.of, name)
        since = known - OVERLAP if known is not None else now - first
        newest = known or since
        batch: list[tuple[str, Sealed]] = []
        read = new = 0

        async def accept() -> None:
            nonlocal new
            given = await asyncio.to_thread(store.accept, batch[:], datetime.now(UTC))
            new += given.count(False)
            batch.clear()

        problem: str | None = None
        try:
            provider = (await self._context.handle(one.key)).capability("security_alerts")
            async for alert in provider.alerts(since):
                read += 1
                newest = max(newest, alert.updated_at)
                batch.append((name, _sealed(name, alert, public)))
                if len(batch) == _BATCH:
                    await accept()
        except TenantryError as error:
            problem = error.message
        if batch:
            await accept()
        if problem is None:
            await asyncio.to_thread(cursors.save, name, min(newest, now), now)
        return Pulled(source=name, since=since, read=read, new=new, problem=problem)


def _sealed(name: str, alert: SecurityAlert, public: bytes) -> Sealed:
    """Read as its source reads it. What cannot be read, or is no alert to it, is one all the same: a person looks at it."""
    raw = orjson.dumps(alert.raw)
    read: Alert | None = None
    try:
        read = source(alert.kind).read(Reading(alert.raw), {})
    except (InvalidInput, NotFound, ValidationError) as error:
        _LOG.warning("an alert of %s cannot be read as %s: %s", name, alert.kind, type(error).__name__)
    if read is None:
        one = clean(alert.id, 200) or "without id"
        read = Alert(
            uid=f"{one}@{alert.updated_at.isoformat()}",
            finding=one,
            title="An alert that cannot be read",
            severity="medium",
            types=("unreadable",),
            product=alert.kind,
            same=(one,),
        )
    # By what the provider says, so that what it lists again is the same one.
    uid = f"{clean(alert.id, 230)}@{alert.updated_at.isoformat()}"
    return seal_for_intake(name, read.model_copy(update={"uid": uid}), raw, public)


def _begin(installation: Installation, tenant: Tenant, requester: Mapping[str, Any], run_id: str) -> object:
    params: dict[str, Any] = {"first_hours": tenant.alert_pull.first_hours}
    return prepare(installation, RUNBOOK, tenant.name, params, "run", requester, run_id)


def _every(tenant: Tenant) -> timedelta | None:
    minutes = tenant.alert_pull.every_minutes
    return None if minutes is None else timedelta(minutes=minutes)


PULLS: Final = Regular(RUNBOOK, "alerts/", _every, _begin, at_once=20)
"""For `flows.sweep_schedule`."""
