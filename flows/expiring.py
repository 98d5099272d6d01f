"""Whoever has to replace a credential hears of it before it expires: one run of the runbook `credential_reminder` for each reminder.

What an integration can replace is replaced by itself where the estate wants that (`flows.rotating`); of it a person hears when it was
not replaced in time. Of everything else they hear from thirty days before its end, more often as it nears, then weekly until it is replaced.

As for reminders of waits, such a run stands in the record before anything is sent, and its id follows from the credential, its version and
the number of the reminder: whoever died between recording it and giving it to Prefect begins none twice, and no reminder is sent again after
the service was away. Of several that were missed only the latest is sent.

The estate's own credentials are in no client's record, and no run of the service may be of the estate's (`flows.estate`): a reminder of
one is an entry of the MSP's own tree and a warning in the log, once, beside what `doctor` and the metrics say.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
import zoneinfo
from collections.abc import Awaitable, Callable
from typing import Any, Final

from flows.assembly import Installation
from flows.recording import prepare
from flows.rotating import credential_of, due_now, replaceable
from tenantry.errors import NotFound, TenantryError
from tenantry.estate import load_estate
from tenantry.journal import Event
from tenantry.names import MSP, OWN_SECRETS
from tenantry.run import RunState
from tenantry.secretlife import Due, Reminder, reminder_of
from tenantry.secretstore import CANDIDATES

__all__ = ["AT_ONCE", "EVENT", "RUNBOOK", "Expiring", "run_id_of"]

RUNBOOK: Final = "credential_reminder"
EVENT: Final = "credential.reminder"
"""In the MSP's own tree: a reminder of one of the estate's credentials."""
EVERY: Final = 3600.0
"""Seconds between two looks."""
AT_ONCE: Final = 50
"""Reminders that one look begins. After a long pause of the service everybody's are due."""
_FROM: Final = 8
"""The hour, in the estate's time zone, from which on people are written to."""
_LOG: Final = logging.getLogger(__name__)
_NAMESPACE: Final = uuid.UUID("c1d2f7b4-0a36-4f0e-9b7c-64f3a5f2e9d0")


def run_id_of(due: Due, reminder: Reminder) -> str:
    """The id of the run that sends this reminder of this version of this secret."""
    return str(uuid.uuid5(_NAMESPACE, f"{due.tenant}/{due.name}/{due.version}/{reminder.about}/{reminder.number}"))


class Expiring:
    """Begins the reminders that are due.

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
        """Once an hour, by day: begin what is due and was not begun. Ids of the runs."""
        if self._clock() < self._next:
            return []
        wanted = await asyncio.to_thread(self._wanted)
        self._next = self._clock() + EVERY  # not before it could be looked: a broker that is away is asked again soon
        begun: list[str] = []
        for due, reminder in wanted:
            if len(begun) == AT_ONCE:
                self._next = 0.0
                break
            try:
                state = await asyncio.to_thread(self._recorded, due, reminder)
            except TenantryError as error:  # a broken file of one client keeps nobody else's waiting
                _LOG.warning("%s/%s %s, and nobody could be told: %s", due.tenant, due.name, due.text, error.message)
                continue
            if state is not None:
                await self._schedule(state)
                begun.append(state.run_id)
        return begun

    def _wanted(self) -> list[tuple[Due, Reminder]]:
        estate = load_estate(self._installation.home)  # an operator edits it while the service runs
        now = self._installation.journal.clock.now()
        if now.astimezone(zoneinfo.ZoneInfo(estate.time_zone)).hour < _FROM:
            return []
        found = []
        for due in due_now(self._installation):
            if due.name.startswith((CANDIDATES, *OWN_SECRETS)):
                continue  # a rotation's own, or the platform's: no person replaces these
            reminder = reminder_of(due, now)
            by_itself = estate.rotation.enabled and replaceable(self._installation, due) is not None
            if reminder.number and (reminder.lately or not by_itself):
                found.append((due, reminder))
        return found

    def _recorded(self, due: Due, reminder: Reminder) -> RunState | None:
        """The run, recorded now; None where it was begun before, or there is none."""
        run_id = run_id_of(due, reminder)
        if due.tenant == MSP:
            self._noted(due, reminder, run_id)
            return None
        try:
            self._installation.journal.run(run_id)
        except NotFound:
            requester = {"person": None, "name": f"schedule ({due.text})", "proven": False, "via": "reminder"}
            prepare(self._installation, RUNBOOK, due.tenant, self._params(due, reminder), "run", requester, run_id)
            return self._installation.state(run_id)
        return None

    def _noted(self, due: Due, reminder: Reminder, reminder_id: str) -> None:
        journal = self._installation.journal
        if any(record.payload.get("id") == reminder_id for record in journal.of(MSP, EVENT) if record.payload):
            return
        _LOG.warning("the estate's credential %s %s: `tenantry vault list --tenant %s`", due.name, due.text, MSP)
        payload = {"id": reminder_id, "secret": due.name, "why": due.text, "level": reminder.level}
        journal.append(MSP, [Event(EVENT, payload)])

    def _params(self, due: Due, reminder: Reminder) -> dict[str, Any]:
        tenant = self._installation.tenants.get(due.tenant)
        contacts = list(tenant.rotation.remind)
        if contacts and reminder.level == "escalate" and "executive" not in contacts:
            contacts.append("executive")
        used = credential_of(tenant.providers, due.tenant, due.name)
        return {
            "credential": due.name,
            "state": due.text,
            "expired": due.why == "expired",
            "at": f"{due.at:%Y-%m-%d %H:%M} UTC",
            "level": reminder.level,
            "contacts": contacts,
            "provider": "" if used is None else "/".join(used),
            "by_itself": replaceable(self._installation, due) is not None,
        }
