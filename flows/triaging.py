"""Incidents find their people, and their clocks are watched: beside the worker, a look every few seconds.

One look: give what is nobody's to somebody (`tenantry.triage.choose`), start the clocks of the client's agreement, stop those whose end stands in
the run's record, tell the records, and begin a run of `alert_escalation` for each clock that runs out or has run out. Such a run's id follows from
the incident, the clock and which of both it is, so nobody is told twice, whatever dies in between; it stands in the record before it is noted as
told, and the keeper carries it on when nobody else did.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from flows.api import errors
from flows.recording import prepare
from tenantry.alerts.message import open_for
from tenantry.alerts.store import AlertStore, Incident
from tenantry.clock import parse_rfc3339
from tenantry.errors import NotFound, RecordError, TenantryError
from tenantry.estate import Estate, load_estate
from tenantry.journal import Event
from tenantry.run import Status
from tenantry.sweep.model import rank
from tenantry.triage.book import Assignment, Book, Level, Standing
from tenantry.triage.choose import Candidate, Waiting, allotted, in_order
from tenantry.triage.clocks import ClockName, clocks, warns_at
from tenantry.triage.worktime import WorkTime

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.run import RunState
    from tenantry.tenants import BusinessHours, Tenant
    from tenantry.triage.model import TriageRule

__all__ = ["RUNBOOK", "Triaging", "run_id_of"]

RUNBOOK: Final = "alert_escalation"
_NAMESPACE: Final = uuid.UUID("0f2f3b1c-63a9-4c3e-9f67-6d6a54a5b7f1")
_LOG: Final = logging.getLogger(__name__)
_LOOK: Final = 3.0
"""Seconds between two looks."""
_RUNS: Final = 20
"""Runs whose records one look reads, those first that were not read for longest."""
_AGAIN: Final = timedelta(seconds=15)
_ALERTS: Final = 20
"""Alerts of an incident that rules are held against, the first ones."""


def run_id_of(incident: str, clock: str, level: Level) -> str:
    """The id of the run that tells of a clock."""
    return str(uuid.uuid5(_NAMESPACE, f"{incident}/{clock}/{level}"))


class Triaging:
    """One for an installation.

    Args:
        schedule: gives a recorded run to Prefect.
        shown: given the open incidents after each look.
    """

    def __init__(
        self,
        installation: Installation,
        schedule: Callable[[RunState], Awaitable[object]],
        shown: Callable[[Iterable[Incident]], Awaitable[None]] | None = None,
    ) -> None:
        self._installation = installation
        self._schedule = schedule
        self._shown = shown
        self._store = AlertStore(installation.home.alerts_db)
        self._book = Book(self._store)
        self._read: dict[str, datetime] = {}
        self._tenants: dict[str, tuple[int, Tenant]] = {}
        self._estate: tuple[int, Estate] = (-1, Estate())
        self._known: dict[str, int] = {}
        self._keys: dict[str, bytes] = {}
        self._fitting: dict[str, tuple[int, int, TriageRule | None]] = {}

    async def serve(self) -> None:
        """Until cancelled. What fails is tried again."""
        try:
            while True:
                began = time.monotonic()
                try:
                    await self.look()
                except (TenantryError, errors()) as problem:
                    _LOG.warning(
                        "incidents could not be triaged: %s", getattr(problem, "message", type(problem).__name__)
                    )
                except Exception:  # noqa: BLE001  # a defect here must not end the runs that are carried beside it
                    _LOG.exception("incidents could not be triaged")
                await asyncio.sleep(max(_LOOK - (time.monotonic() - began), _LOOK / 2))
        finally:
            self._store.close()

    async def look(self) -> list[str]:
        """One look; ids of the runs that it began."""
        begun = await asyncio.to_thread(self._look)
        for run_id in begun:
            await self._schedule(await asyncio.to_thread(self._installation.state, run_id))
        if self._shown is not None:
            await self._shown(await asyncio.to_thread(self._store.incidents))
        return begun

    def _look(self) -> list[str]:
        now = self._installation.journal.clock.now()
        self._start(self._store.incidents())
        self._give(now)
        self._tell_records()
        self._stop(now)
        return self._escalate(now)

    # --- whose --------------------------------------------------------------------------------------------------------

    def _give(self, now: datetime) -> None:
        estate = self._current()
        triage = estate.triage
        if not triage.people and not estate.on_call:
            return  # nobody said how; incidents wait in the queue until somebody takes them
        nobodys = self._book.nobodys()
        if not nobodys:
            return
        self._fitting = {one.id: self._fitting[one.id] for one in nobodys if one.id in self._fitting}
        waiting = [one for incident in nobodys if (one := self._waiting(incident, estate, now)) is not None]
        order = in_order(waiting, triage.order, now, timedelta(minutes=triage.raise_after_minutes))
        least = rank(triage.on_call_from)
        found = allotted(
            order,
            self._candidates(estate, now),
            self._book.turn(),
            on_call=lambda one: rank(one.severity) >= least,
        )
        self._book.give(found, now)

    def _waiting(self, incident: Incident, estate: Estate, now: datetime) -> Waiting | None:
        try:
            tenant = self._tenant(incident.tenant)
        except TenantryError as error:  # a broken file of one client keeps nobody else's waiting
            _LOG.warning("an incident of %s waits: %s", incident.tenant, error.message)
            return None
        rule = self._rule(incident, estate)
        due = {one.clock.name: one.clock.due_at for one in self._book.clocks(incident.id)}
        people = self._installation.people.records()
        call = [
            person
            for person in self._on_call(tenant, estate, now)
            if person in people and people[person].enabled and people[person].covers(incident.tenant)
        ]
        return Waiting(
            incident.id,
            incident.tenant,
            incident.severity,
            incident.opened,
            due.get("acknowledge"),
            frozenset(rule.skills) if rule is not None else frozenset(),
            frozenset(rule.people) if rule is not None and rule.people else None,
            (rule.assign if rule is not None else None) or estate.triage.assign,
            rule.id if rule is not None else None,
            tuple(call),
        )

    @staticmethod
    def _on_call(tenant: Tenant, estate: Estate, now: datetime) -> list[str]:
        """The client's own, else the estate's whose hours it is."""
        if tenant.service_team.on_call:
            return list(tenant.service_team.on_call)
        return [one.person for one in estate.on_call if _on_duty(one.hours, estate.time_zone, now)]

    def _rule(self, incident: Incident, estate: Estate) -> TriageRule | None:
        """The first that fits one of the incident's alerts; looked for again when more came, or the rules changed."""
        if not estate.triage.rules:
            return None
        known = self._fitting.get(incident.id)
        if known is not None and known[:2] == (incident.alerts, self._estate[0]):
            return known[2]
        alerts = []
        for row in self._store.of_incident(incident.id)[:_ALERTS]:
            try:
                alerts.append((row.source, open_for(self._key(incident.tenant), row.id, row.body or b"")[0]))
            except RecordError:
                _LOG.warning("alert %s cannot be read for triage", row.id)
        found = None
        for rule in estate.triage.rules:
            if any(rule.when.fits(source, incident.tenant, alert) for source, alert in alerts):
                found = rule
                break
        self._fitting[incident.id] = incident.alerts, self._estate[0], found
        return found

    def _key(self, tenant: str) -> bytes:
        """Asked for once: behind the broker, each key that is asked for is an entry."""
        if tenant not in self._keys:
            self._keys[tenant] = self._installation.vault.subkey(tenant, "alerts")
        return self._keys[tenant]

    def _candidates(self, estate: Estate, now: datetime) -> list[Candidate]:
        today = now.astimezone(ZoneInfo(estate.time_zone)).date()
        people, turns, loads = self._installation.people.records(), self._book.turns(), self._book.loads()
        found = []
        for name, helper in estate.triage.people.items():
            person = people.get(name)
            if person is None or not person.enabled:
                continue
            counting = frozenset(skill.name for skill in helper.skills if skill.counts(today))
            found.append(
                Candidate(
                    id=name,
                    covers=person.covers,
                    skills=counting,
                    ended=frozenset(skill.name for skill in helper.skills) - counting,
                    duty=_on_duty(helper.duty, estate.time_zone, now),
                    load=loads.get(name, 0),
                    most=helper.most,
                    turn=turns.get(name, 0),
                )
            )
        return found

    def _tell_records(self) -> None:
        by_tenant: dict[str, list[tuple[Assignment, Event]]] = {}
        for one in self._book.unrecorded():
            incident = self._store.incident(one.incident)
            said = {"incident": one.incident, "by": one.by, "to": one.person, "why": one.why}
            by_tenant.setdefault(incident.tenant, []).append((one, Event("incident.assigned", said)))
        for tenant, found in by_tenant.items():
            self._installation.journal.append(tenant, [event for _, event in found])
            self._book.recorded(one for one, _ in found)

    # --- clocks -------------------------------------------------------------------------------------------------------

    def _start(self, incidents: Iterable[Incident]) -> None:
        """What the agreement starts for those that are new, or worse than when they were looked at."""
        known: dict[str, int] = {}
        for incident in incidents:
            known[incident.id] = level = rank(incident.severity)
            if self._known.get(incident.id) == level:
                continue
            try:
                tenant = self._tenant(incident.tenant)
            except TenantryError as error:
                _LOG.warning("no clocks for an incident of %s: %s", incident.tenant, error.message)
                del known[incident.id]
                continue
            percent = self._current().triage.warn_percent
            found = clocks(tenant, self._book.arrived(incident.id))
            self._book.set_clocks(incident.id, [(clock, warns_at(tenant, clock, percent)) for clock in found])
        self._known = known

    def _stop(self, now: datetime) -> None:
        """Stop what the runs' records say has happened, and let the runs' records have the clocks as they are."""
        of: dict[str, list[Standing]] = {}
        for one in self._book.clocks():
            if one.clock.stopped_at is None or not one.recorded:
                of.setdefault(one.incident, []).append(one)
        due = sorted(of, key=lambda incident: self._read.get(incident, datetime.min.replace(tzinfo=now.tzinfo)))
        self._read = {incident: at for incident, at in self._read.items() if incident in of}
        for name in due[:_RUNS]:
            stale = name not in self._read or now - self._read[name] >= _AGAIN
            if not stale and all(one.recorded for one in of[name]):
                continue
            self._read[name] = now
            incident = self._store.incident(name)
            if incident.run_id is None or not incident.launched:
                continue
            try:
                state = self._installation.state(incident.run_id)
            except TenantryError as error:
                _LOG.warning("the clocks of incident %s go on unread: %s", name, error.message)
                continue
            for clock, at in _ends(state).items():
                if at is not None:
                    self._book.stop(name, clock, at)
            self._record(state, [one for one in self._book.clocks(name) if not one.recorded])

    def _record(self, state: RunState, changed: list[Standing]) -> None:
        if not changed:
            return
        said = {"clocks": [one.clock.as_dict() for one in changed], "by": None}
        event = Event("clocks", said, state.run_id, None, state.attempt, None, (state.runbook, state.version))
        self._installation.journal.append(state.tenant, [event])
        self._book.clocks_recorded(changed)

    # --- escalation ---------------------------------------------------------------------------------------------------

    def _escalate(self, now: datetime) -> list[str]:
        begun = []
        for one in self._book.clocks():
            if one.clock.stopped_at is not None:
                continue
            level: Level = "breached" if now >= one.clock.due_at else "warned" if now >= one.warn_at else ""
            if level in ("", one.told) or one.told == "breached":
                continue
            run_id = run_id_of(one.incident, one.clock.name, level)
            try:
                self._installation.journal.run(run_id)
            except NotFound:
                try:
                    self._prepared(run_id, one, level)
                except TenantryError as error:  # one client's file keeps nobody else's waiting
                    _LOG.warning("nobody could be told of a clock of %s: %s", one.incident, error.message)
                    continue
                begun.append(run_id)
            self._book.told(one, level)
        return begun

    def _prepared(self, run_id: str, one: Standing, level: Level) -> None:
        incident = self._store.incident(one.incident)
        requester = {"person": None, "name": f"incident {incident.id}", "proven": False, "via": "reminder"}
        params: dict[str, Any] = {
            "incident": incident.id,
            "run": incident.run_id or "",
            "clock": one.clock.name,
            "level": level,
            "severity": incident.severity,
            "owner": incident.person or "nobody",
            "since": _minute(one.clock.started_at),
            "due": _minute(one.clock.due_at),
            "promise": one.clock.source,
        }
        prepare(self._installation, RUNBOOK, incident.tenant, params, "run", requester, run_id)

    # --- files --------------------------------------------------------------------------------------------------------

    def _tenant(self, name: str) -> Tenant:
        """As its file says now; read when it has changed."""
        path = self._installation.tenants.path(name)
        at = path.stat().st_mtime_ns if path.is_file() else 0
        if name not in self._tenants or self._tenants[name][0] != at:
            self._tenants[name] = at, self._installation.tenants.get(name)
        return self._tenants[name][1]

    def _current(self) -> Estate:
        path = self._installation.home.estate
        at = path.stat().st_mtime_ns if path.is_file() else 0
        if self._estate[0] != at:
            self._estate = at, load_estate(self._installation.home)
        return self._estate[1]


def _on_duty(hours: list[BusinessHours], zone: str, now: datetime) -> bool:
    return not hours or any(WorkTime.of(one, zone).works(now) for one in hours)


def _ends(state: RunState) -> dict[ClockName, datetime | None]:
    """When a run's record says that each clock's promise was kept; None: it does not say so. A run that ended with exceptions resolves nothing:
    somebody looks, and closes the incident."""
    answered = [parse_rfc3339(answer["at"]) for gate in state.gates.values() for answer in gate.decisions]
    contained = [
        item.finished_at
        for item in state.items.values()
        if item.finished_at is not None and isinstance(item.output, dict) and item.output.get("contained") is True
    ]
    return {
        "acknowledge": min(answered, default=None),
        "contain": min(contained, default=None),
        "resolve": state.ended_at if state.ended is Status.COMPLETED else None,
    }


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
