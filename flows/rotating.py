"""Credentials that are due are replaced by themselves, where estate.yaml says so: the service begins a run of the runbook for each.

A run that the installation begins by itself stands in the record before Prefect hears of it, so nobody is asked who started it. Its id
follows from the credential and its version: whoever died between recording it and giving it to Prefect begins none twice, and one that
stopped is not begun again the next day but waits for a person. The estate's own credentials are not among them (`flows.estate`).
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
import zoneinfo
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from flows.assembly import Installation
from flows.recording import prepare
from tenantry.broker import Supervisor
from tenantry.errors import NotFound, TenantryError
from tenantry.estate import load_estate
from tenantry.names import MSP
from tenantry.run import RunState
from tenantry.secretlife import Due, due_everywhere, limits_of
from tenantry.tenants import ProviderConfig

__all__ = ["RUNBOOK", "Rotating", "credential_of", "due_now", "replaceable", "run_id_of"]

RUNBOOK: Final = "credential_rotation"
EVERY: Final = 3600.0
"""Seconds between two looks."""
_LOG: Final = logging.getLogger(__name__)
_NAMESPACE: Final = uuid.UUID("5f8a1c53-6d0a-4d63-9a51-0d5a3b0f7a11")


def credential_of(providers: Mapping[str, ProviderConfig], tenant: str, name: str) -> tuple[str, str] | None:
    """The provider that signs in with a secret, and what the secret is called there; None: none does."""
    for key, config in providers.items():
        for secret, ref in config.secrets.items():
            if (ref.tenant, ref.name) == (tenant, name):
                return key, secret
    return None


def run_id_of(due: Due) -> str:
    """The id of the run that replaces this version of this secret."""
    return str(uuid.uuid5(_NAMESPACE, f"{due.tenant}/{due.name}/{due.version}"))


def due_now(installation: Installation) -> list[Due]:
    """What needs attention, of the estate and of every client. Whose store does not answer is said in the log."""
    vault = installation.vault
    found, unknown = (
        vault.due()
        if isinstance(vault, Supervisor)
        else due_everywhere(vault, installation.journal.clock.now(), limits_of(installation.tenants))
    )
    for tenant in unknown:
        _LOG.warning("what of %s is due could not be looked at: its secret store does not answer", tenant)
    return found


def replaceable(installation: Installation, due: Due) -> str | None:
    """``provider/secret`` where an integration can replace it; None: a person does, and is reminded (`flows.expiring`)."""
    if due.tenant == MSP:
        return None
    try:
        providers = installation.tenants.get(due.tenant).providers
    except TenantryError:  # its file is broken or gone: `tenants list` says so
        return None
    found = credential_of(providers, due.tenant, due.name)
    if found is None:
        return None
    key, secret = found
    vendor = installation.providers.get(providers[key].vendor)
    return f"{key}/{secret}" if secret in getattr(vendor, "rotates", ()) else None


class Rotating:
    """Begins runs for what is due.

    Args:
        schedule: gives a recorded run to Prefect.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        installation: Installation,
        schedule: Callable[[RunState], Awaitable[object]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._installation = installation
        self._schedule = schedule
        self._clock = clock
        self._next = 0.0

    async def look(self) -> list[str]:
        """Once an hour, from the estate's hour on: begin what is due and was not begun. Ids of the runs."""
        if self._clock() < self._next or not await asyncio.to_thread(self._may):
            return []
        wanted = await asyncio.to_thread(self._wanted)
        self._next = self._clock() + EVERY  # not before it could be looked: a broker that is away is asked again soon
        begun = []
        for due, credential in wanted:
            try:
                state = await asyncio.to_thread(self._recorded, due, credential)
            except TenantryError as error:  # a broken file, an unknown tenant: the others are begun all the same
                _LOG.warning("%s/%s is due and cannot be replaced: %s", due.tenant, due.name, error.message)
                continue
            if state is not None:
                await self._schedule(state)
                begun.append(state.run_id)
        return begun

    def _may(self) -> bool:
        """Whether the estate wants it, at this hour."""
        estate = load_estate(self._installation.home)  # an operator edits it while the service runs
        local = self._installation.journal.clock.now().astimezone(zoneinfo.ZoneInfo(estate.time_zone))
        return estate.rotation.enabled and local.hour >= estate.rotation.hour

    def _wanted(self) -> list[tuple[Due, str]]:
        found = due_now(self._installation)
        return [(due, name) for due in found if (name := replaceable(self._installation, due)) is not None]

    def _recorded(self, due: Due, credential: str) -> RunState | None:
        """The run, recorded now; None where it was begun before."""
        run_id = run_id_of(due)
        try:
            self._installation.state(run_id)
        except NotFound:
            pass
        else:
            return None
        requester = {"person": None, "name": f"schedule ({due.text})", "proven": False, "via": "schedule"}
        prepare(self._installation, RUNBOOK, due.tenant, {"provider": credential}, "run", requester, run_id)
        return self._installation.state(run_id)
