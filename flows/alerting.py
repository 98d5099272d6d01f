"""Working on accepted alerts, beside the worker: decided, launched, recorded; and whatever a crash left undone is done.

The bell says that something was accepted; without it a look each second finds it. An incident's run is recorded under an id that follows
from the incident's, so it is begun once however often this dies; then it is handed to a warm child, or scheduled in Prefect.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Final

from flows.api import errors
from flows.assembly import Installation
from flows.pulling import source_of
from flows.recording import prepare
from flows.runbook_files import fingerprint, fingerprint_of
from tenantry import room
from tenantry.alerts.cursors import Cursors
from tenantry.alerts.desk import Decided, Desk, Limits, plan_of
from tenantry.alerts.door import intake_key
from tenantry.alerts.rules import Rule, load_rules
from tenantry.alerts.store import AlertRow, AlertStore, Incident
from tenantry.broker import Supervisor
from tenantry.broker.wire import address
from tenantry.drop.seal import public_of
from tenantry.errors import InvalidInput, NotFound, RecordError, TenantryError
from tenantry.journal import Event
from tenantry.names import MSP

__all__ = ["OWN", "Alerting", "Around", "told"]

_LOG: Final = logging.getLogger(__name__)
_LOOK: Final = 1.0
"""Seconds between two looks that no bell asked for."""
_TROUBLE: Final = 2.0
_FILES: Final = 2.0
"""Seconds between two looks at whether clients' files, estate.yaml or the rules have changed."""
_AHEAD: Final = 0.15
"""Seconds that a run has the disk to itself before the record is told of decisions."""
_UNTOLD: Final = 2_000
"""Decisions that may wait for that: in a storm every look begins something."""
_AT_ONCE: Final = 32
"""Runs that alerts began and that are carried at the same time."""
_RECORD: Final = 200
OWN: Final = "(tenantry)"
"""The source of what the installation itself finds and a person has to see (`flows.backup_alerts`)."""


HandOver = Callable[[str, str, str, Awaitable[bool]], Awaitable[None]]


class Around:
    """What the desk asks of an installation (`tenantry.alerts.desk.Surroundings`)."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._keys: dict[str, bytes] = {}
        self._read_at = -_FILES
        self._files = ""
        self._whose: dict[tuple[str, str | None], str] = {}
        self._policy: dict[str, str] = {}
        self._rules: list[Rule] = []

    def refresh(self, now: float) -> None:
        """Read the files anew where any of them has changed; looked for every few seconds.

        Raises:
            InvalidInput: one of them cannot be read. What was read before counts until it can.
        """
        if now - self._read_at < _FILES:
            return
        self._read_at = now
        home = self._installation.home
        files = f"{fingerprint(home)} {fingerprint_of([home.estate, *sorted(home.tenants.glob('*.yaml'))])}"
        if files == self._files:
            return
        with Installation.open(home) as fresh:
            sources = fresh.estate.alerts
            whose: dict[tuple[str, str | None], str] = {}
            policy: dict[str, str] = {}
            for name in fresh.tenants.names():
                try:
                    tenant = fresh.tenants.get(name)
                except InvalidInput as error:
                    _LOG.warning("alerts of %s wait for a person: %s", name, error.message)
                    continue
                policy[name] = tenant.policy.unattended_impact
                for key in (*tenant.providers, *tenant.estate_handles):  # what the client's own systems were asked for
                    whose[source_of(name, key), None] = name
                for source, handle in tenant.alert_handles.items():
                    if whose.setdefault((source, handle), name) != name:
                        _LOG.warning("%s is two clients' at %s: its alerts are nobody's", handle, source)
                        whose[source, handle] = ""
        for name, one in sources.items():
            if one.tenant is not None:
                whose[name, None] = one.tenant
            elif one.kind in ("sweep", "prefect"):  # they name our own clients
                whose |= {(name, tenant): tenant for tenant in policy}
        self._whose, self._policy = whose, policy
        self._rules = load_rules(home)
        self._files = files  # only what was read whole counts as read

    def tenant_of(self, source: str, customer: str | None) -> str | None:
        if source == OWN:  # no message can come by that name: those of estate.yaml have no brackets
            return customer if customer in self._policy else None
        found = self._whose.get((source, None)) or self._whose.get((source, customer))
        return found if found in self._policy else None

    def unattended(self, tenant: str) -> str:
        return self._policy.get(tenant, "none")

    def key(self, tenant: str) -> bytes:
        if tenant not in self._keys:
            self._keys[tenant] = self._installation.vault.subkey(tenant, "alerts")
        return self._keys[tenant]

    def ended(self, run_id: str) -> bool:
        try:
            return self._installation.journal.run(run_id).ended
        except NotFound:
            return False

    def rules(self) -> Sequence[Rule]:
        return self._rules


class Alerting:
    """One beside the worker.

    Args:
        hand_over: has a run carried: its id, tenant and runbook, and what says that it stands in the record (`flows.worker`).
    """

    def __init__(self, installation: Installation, hand_over: HandOver, limits: Limits | None = None) -> None:
        self._installation = installation
        self._hand_over = hand_over
        self._store = AlertStore(installation.home.alerts_db)
        self._around = Around(installation)
        self._limits = limits
        self._desk: Desk | None = None
        self._rung = asyncio.Event()
        self._handing: dict[str, asyncio.Task[None]] = {}
        self._untold: dict[str, Decided] = {}
        self._ahead = 0.0
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def serve(self) -> None:
        """Until cancelled. What fails is tried again."""
        with _listening(self._installation, self._rung):
            try:
                while True:
                    self._rung.clear()
                    pause = _LOOK
                    try:
                        if await self.work():
                            continue
                    except (TenantryError, errors()) as problem:
                        _LOG.warning(
                            "alerts could not be worked on: %s", getattr(problem, "message", type(problem).__name__)
                        )
                        pause = _TROUBLE
                    except Exception:  # noqa: BLE001  # a defect here must not end the runs that are carried beside it
                        _LOG.exception("alerts could not be worked on")
                        pause = _TROUBLE
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._rung.wait()
            finally:
                handing = list(self._handing.values())
                for task in handing:
                    task.cancel()
                await asyncio.gather(*handing, return_exceptions=True)
                self._store.close()

    async def work(self) -> bool:
        """One look: decide, launch what is not launched, record what is not recorded. True when there may be more to do at once."""
        if not room.enough(self._installation.home.path):
            return False  # as the worker; what was accepted lies there
        decided = await asyncio.to_thread(self._decide)
        self._untold |= {one.id: one for one in decided}
        for incident in await asyncio.to_thread(self._store.unlaunched):
            if incident.id not in self._handing:
                task = asyncio.create_task(self._launch(incident))
                self._handing[incident.id] = task
                task.add_done_callback(partial(self._handed, incident.id))
                self._ahead = time.monotonic() + _AHEAD
        # In a burst deciding goes before telling, and the runs that it began before both.
        if len(self._untold) < _UNTOLD and (decided or await self._more_comes()):
            return True
        recorded = await asyncio.to_thread(self._record)
        while recorded and len(self._untold) >= _UNTOLD:  # what waits to be told stays bounded
            recorded = await asyncio.to_thread(self._record)
        return bool(decided or recorded)

    async def _more_comes(self) -> bool:
        """The runs first: whether something was accepted in the moment that those which began have to themselves."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._ahead - time.monotonic())):
                await self._rung.wait()
                return True
        return False

    def _handed(self, incident: str, task: asyncio.Task[None]) -> None:
        del task
        self._handing.pop(incident, None)

    def _decide(self) -> list[Decided]:
        self._around.refresh(time.monotonic())
        if self._desk is None:
            vault = self._installation.vault
            private = vault.alert_key() if isinstance(vault, Supervisor) else intake_key(vault)
            Cursors(self._store).publish(public_of(private))  # for runs that fetch alerts
            self._desk = Desk(self._store, self._around, private, self._installation.journal.clock.now, self._limits)
        return self._desk.decide()

    async def _launch(self, incident: Incident) -> None:
        run_id, runbook = incident.run_id, incident.runbook
        if run_id is None or runbook is None:
            return
        try:
            async with self._slots:
                # What it takes to carry it is got ready while it is recorded.
                recorded = asyncio.create_task(asyncio.to_thread(self._prepare, incident, run_id, runbook))
                marking = asyncio.create_task(self._mark(incident.id, recorded))
                try:
                    await self._hand_over(run_id, incident.tenant, runbook, recorded)
                finally:
                    await marking
        except (TenantryError, errors()) as problem:
            # Recorded: the keeper takes it up. Not recorded: the next look does.
            text = getattr(problem, "message", type(problem).__name__)
            _LOG.warning("the run of incident %s could not be handed over: %s", incident.id, text)
        except Exception:  # noqa: BLE001  # as above
            _LOG.exception("the run of incident %s could not be handed over", incident.id)

    async def _mark(self, incident: str, recorded: asyncio.Task[bool]) -> None:
        """Note that the record has the run, beside the run, which has begun. Unnoted, the next look finds it in the record."""
        await asyncio.wait([recorded])
        if recorded.cancelled() or recorded.exception() is not None or not recorded.result():
            return  # told to who has the run carried
        try:
            await asyncio.to_thread(self._store.launched, incident)
        except RecordError as problem:
            _LOG.warning("that the run of incident %s was begun could not be noted: %s", incident, problem.message)

    def _prepare(self, incident: Incident, run_id: str, runbook: str) -> bool:
        """Record the run, once. False when it cannot be, and a person has to look; or when it was begun before this process was, and is
        the keeper's."""
        try:
            if self._installation.journal.run(run_id).standing != "created":
                self._store.launched(incident.id)
                return False
        except NotFound:
            params, impact = plan_of(self._around.key(incident.tenant), incident)
            alerts = self._store.of_incident(incident.id)
            requester = {
                "person": None,
                "name": f"alert {alerts[0].id if alerts else incident.id} ({incident.rule})",
                "proven": False,
                "via": "alert",
                "impact": impact,
                "incident": incident.id,
                "rule": incident.rule,
                "alerts": [one.id for one in alerts[:20]],
            }
            try:
                prepare(self._installation, runbook, incident.tenant, params, "run", requester, run_id)
            except InvalidInput as error:
                why = f"the rule {incident.rule} starts {runbook}, which refused: {error.message}"
                _LOG.warning("an incident of %s waits for a person: %s", incident.tenant, why)
                self._store.without_run(incident.id, why)
                return False
        return True

    def _record(self) -> int:
        """Tell the clients' records what became of their alerts; what a crash kept from them too."""
        left = self._store.unrecorded(_RECORD)
        by_tenant: dict[str, list[tuple[AlertRow, Event]]] = {}
        for row in left:
            event = told(row, self._untold.get(row.id))
            by_tenant.setdefault(row.tenant or MSP, []).append((row, event))
        for tenant, found in by_tenant.items():
            self._installation.journal.append(tenant, [event for _, event in found])
            self._store.recorded(row for row, _ in found)
        for row in left:
            self._untold.pop(row.id, None)
        return len(left)


def told(row: AlertRow, decided: Decided | None) -> Event:
    """What the record says of a decision. The alert itself, with its source's own words, lies in ``alerts.db``."""
    payload = {
        "alert": row.id,
        "source": row.source,
        "severity": row.severity,
        "received_at": row.received.isoformat(),
        "became": row.state,
        "reason": row.reason,
        "incident": row.incident,
    }
    if decided is not None and decided.alert is not None:
        payload |= {"title": decided.alert.title, "raw_sha256": decided.raw_digest}
    return Event("alert.decided", payload)


@contextlib.contextmanager
def _listening(installation: Installation, rung: asyncio.Event) -> Iterator[None]:
    """Hear the bell, if it can be heard; there is the look each second besides."""
    loop = asyncio.get_running_loop()
    path = installation.home.alerts_bell
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        path.unlink(missing_ok=True)
        with address(path) as at:
            bell.bind(at)
        path.chmod(0o600)
    except OSError as error:
        _LOG.warning("the bell of alerts cannot be heard (%s): each is found within a second", error.strerror)

    def heard() -> None:
        with contextlib.suppress(BlockingIOError):
            while bell.recv(16):
                pass
        rung.set()

    loop.add_reader(bell, heard)
    try:
        yield
    finally:
        loop.remove_reader(bell)
        bell.close()
