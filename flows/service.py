"""This machine as a service: vault broker, Prefect server, worker, console and pages, each started again when it dies.

::

    tenantry up ─┬─ vault broker    alone holds the master key
                 ├─ Prefect server  API, UI, its database
                 ├─ worker          warm children, one for each run; looks after runs that nobody carries
                 ├─ console         what faces the network: credential drops; has no key
                 └─ pages           timelines and /metrics, in this process

The four processes are tethered: they end with this one, however it ends, and runs are then resumed from their record at the
next start, by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import Popen
from typing import Any, Final, TypeVar

from flows.assembly import Installation
from flows.front import Front, listen
from flows.outside import Outside
from flows.pages import Pages
from flows.server import EmbeddedServer, Server, ServerBusy, ServerFailed, credential, find
from flows.settings import worker_environment
from tenantry import logs, room, tether
from tenantry.broker import BrokerProcess, Supervisor
from tenantry.disaster.compile import ACTIVATION
from tenantry.errors import BrokerUnavailable, Conflict, TenantryError
from tenantry.estate import ServiceSettings
from tenantry.home import Home
from tenantry.journal import Event, Journal
from tenantry.metrics import Counters
from tenantry.run import fold
from tenantry.vault import passphrase_from_environment

T = TypeVar("T")
_LOG: Final = logging.getLogger(__name__)
_LOOK: Final = 0.25
_TROUBLE: Final = 2.0
"""Seconds before what did not start is started again, and between two looks at the disk."""
_LONGEST: Final = 30.0
_SIGN: Final = 600.0
"""Seconds between two signings of the whole record. Runs have their client's signed when they end."""
WORKER_ENDS: Final = 40.0
"""Seconds for the worker to end its children, and itself, when the service stops."""
_LOW: Final = 256 << 20
"""Bytes left on the disk below which the log says so."""


class WorkerProcess:
    """The worker as a tethered process.

    Args:
        broker: the secret by which the vault broker knows the service.
    """

    def __init__(self, home: Home, server: Server, broker: str) -> None:
        self._home = home
        self._server = server
        self._broker = broker
        self.process: Popen[bytes] | None = None

    def start(self) -> None:
        """Returns at once; it takes runs some seconds later."""
        log = self._home.run / "worker.log"
        environment = worker_environment(self._home, self._server.credential, self._server.api, os.environ)
        self.process = tether.spawn(["flows.worker_process"], environment=environment, log=log)
        log.chmod(0o600)
        with contextlib.suppress(BrokenPipeError):  # it has ended already, and is started again
            if self.process.stdin is not None:
                self.process.stdin.write(json.dumps({"broker": self._broker}).encode() + b"\n")
                self.process.stdin.flush()

    def restart(self) -> None:
        """After it ended by itself."""
        if self.process is not None:
            tether.stop(self.process)
        self.start()

    def stop(self) -> None:
        """End it, and with it the runs' processes."""
        if self.process is not None:
            tether.stop(self.process, grace=WORKER_ENDS)
            self.process = None


@contextlib.contextmanager
def _alone(home: Home) -> Iterator[None]:
    """One service a home. The lock is the kernel's: it goes with this process, however it ends.

    Raises:
        Conflict: one runs.
    """
    descriptor = os.open(home.run / "service.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = find(home)
            at = f" at {running.shown}" if running is not None else ""
            raise Conflict(f"a service runs for this home already{at}", remedy="Use it, or stop it first.") from None
        yield
    finally:
        os.close(descriptor)


def _patiently(start: Callable[[], T]) -> T:
    """Start a part, waiting for that of a service that was killed a moment ago: it ends by itself.

    Raises:
        Conflict: somebody else's server stays.
        BrokerUnavailable, ServerFailed: it does not start.
    """
    deadline = time.monotonic() + _LONGEST
    while True:
        try:
            return start()
        except ServerBusy:
            if time.monotonic() > deadline:
                raise Conflict(
                    "a command of this home keeps a server", remedy="Wait for that command, or stop it."
                ) from None
        except BrokerUnavailable:
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK)


def up(
    installation: Installation,
    *,
    settings: ServiceSettings | None = None,
    console: str,
    ready: Callable[[Server, str, str], None],
    say: Callable[[str], None] = lambda _: None,
    until: asyncio.Event | None = None,
) -> None:
    """Broker, server, worker, console and pages, until SIGINT, SIGTERM or ``until``; then all of it ends, and runs can be resumed.

    Args:
        installation: of the home; not used after the broker runs, which alone has the master key then.
        settings: where it is reached; those of ``estate.yaml`` when None.
        console: module of the process that faces the network.
        ready: called with the server and the addresses of the pages and of the console once the server answers.
        say: told what takes a while.

    Raises:
        InvalidInput: beyond loopback without TLS, a certificate that does not hold, or an address that cannot be listened on.
        Conflict: it runs already.
        ServerFailed, BrokerUnavailable: a part did not come up.
    """
    logs.configure()
    home = installation.home
    settings = settings or installation.estate.service
    outside = Outside.of(settings, home)
    _wait_for_room(home, say)
    with _alone(home), contextlib.ExitStack() as stack:
        running = find(home)
        if running is not None:
            raise Conflict(
                f"a server runs for this home already at {running.shown}", remedy="Wait for the command that uses it."
            )
        # First of all: what cannot be listened on is said before anything starts.
        door, pages_door = (outside.open(settings.port), outside.open(settings.pages_port)) if outside else (None, None)
        facing = listen(home, outside, settings.console_port)
        broker = BrokerProcess(home, passphrase_from_environment(os.environ), module="flows.broker_process")
        stack.callback(broker.stop)
        hand = _patiently(broker.start)
        installation.close()
        counters = Counters()
        pages = Pages(
            home,
            credential(home),
            port=settings.pages_port or 0,
            door=pages_door,
            counters=counters,
            vault=broker.supervisor(),
        )
        port = None if door is not None else settings.port
        embedded = stack.enter_context(EmbeddedServer(home, port=port, dispatching=True, pages=pages.url, door=door))
        say("starting the Prefect server; its first start builds a database")
        server = _patiently(embedded.start)
        worker = WorkerProcess(home, server, broker.secret.get_secret_value())
        stack.callback(worker.stop)
        worker.start()
        front = Front(home, console, facing, broker, proxies=settings.trusted_proxies)
        stack.callback(front.stop)
        front.start()
        ready(server, pages.url, front.url)
        _tell_systemd("READY=1")
        parts = _Parts(broker, embedded, worker, front, counters)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(home, hand, parts, pages, until or asyncio.Event()))
        _tell_systemd("STOPPING=1")


def _tell_systemd(state: str) -> None:
    """Where it waits for word (sd_notify(3), ``Type=notify``); nothing elsewhere."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
        told.connect(path.replace("@", "\0", 1) if path.startswith("@") else path)
        told.sendall(state.encode("ascii"))


class _Parts:
    """The processes, and how each is started again."""

    def __init__(
        self, broker: BrokerProcess, server: EmbeddedServer, worker: WorkerProcess, front: Front, counters: Counters
    ) -> None:
        self._counters = counters
        self._parts: dict[str, tuple[Callable[[], Popen[bytes] | None], Callable[[], object]]] = {
            "vault broker": (lambda: broker.process, lambda: broker.restart().close()),
            "Prefect server": (lambda: server.process, server.restart),
            "worker": (lambda: worker.process, worker.restart),
            "console": (lambda: front.process, front.restart),
        }

    async def keep_up(self, journal: Journal) -> None:
        """Until cancelled: each for itself, so that one that does not come up holds up no other."""
        await asyncio.gather(*(self._keep(name, journal) for name in self._parts))

    async def _keep(self, name: str, journal: Journal) -> None:
        process, restart = self._parts[name]
        pause = _TROUBLE
        began = time.monotonic()
        while True:
            await asyncio.sleep(_LOOK)
            found = process()
            if found is None or found.poll() is None:
                if time.monotonic() - began > _LONGEST:
                    pause = _TROUBLE
                continue
            _LOG.warning("the %s ended with code %s; it is started again", name, found.returncode)
            self._counters.add(
                "tenantry_process_restarts_total", "Times a process of the service was started again.", process=name
            )
            if time.monotonic() - began < _LONGEST:
                await asyncio.sleep(pause)  # it has just been started
                pause = min(pause * 2, _LONGEST)
            began = time.monotonic()
            try:
                await asyncio.to_thread(restart)
            except (ServerBusy, ServerFailed, BrokerUnavailable, OSError) as problem:
                told = f"{problem.message} {problem.remedy}" if isinstance(problem, TenantryError) else str(problem)
                _LOG.exception("the %s could not be started: %s", name, told)
            await _told(journal, name, found.returncode)  # not before: writing may need the very one that ended


async def _told(journal: Journal, name: str, code: int | None) -> None:
    """Recoveries that are under way tell it in their reports. A record that cannot be written is no reason to leave a process dead."""
    try:
        await asyncio.to_thread(_record, journal, {"process": name, "code": code})
    except TenantryError as error:
        _LOG.exception("that the %s ended could not be recorded: %s", name, error.message)


def _record(journal: Journal, said: Mapping[str, Any]) -> None:
    for run in journal.unsettled():
        if run.runbook == ACTIVATION:
            state = fold(journal.records(run.run_id))
            flow = (state.runbook, state.version)
            journal.append(
                state.tenant, [Event("service.restarted", said, state.run_id, attempt=state.attempt, flow=flow)]
            )


async def _serve(home: Home, hand: Supervisor, parts: _Parts, pages: Pages, until: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):  # not on Windows, not outside the main thread
            loop.add_signal_handler(number, until.set)
    with Installation.open(home, hand) as installation:
        working = [
            asyncio.create_task(part)
            for part in (
                pages.serve(),
                parts.keep_up(installation.journal),
                _sign(installation),
                _watch_disk(home.path),
            )
        ]
        ended = asyncio.create_task(until.wait())
        await asyncio.wait([ended, *working], return_when=asyncio.FIRST_COMPLETED)
        pages.stop()
        for task in (ended, *working[1:]):
            task.cancel()
        for result in await asyncio.gather(*working, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


async def _sign(installation: Installation) -> None:
    """Have what grew signed, and time-stamped where the estate has an authority."""
    while True:
        await asyncio.sleep(_SIGN)
        try:
            for stored in await asyncio.to_thread(installation.sign_all):
                await installation.anchor(stored)
        except TenantryError as error:
            # Whatever it is, the runs go on; what was not signed is signed next time, and `journal verify` says what is wrong.
            _LOG.exception("the record could not be signed: %s %s", error.message, error.remedy)


def _wait_for_room(home: Home, say: Callable[[str], None]) -> None:
    """A machine that comes up with a full disk goes on by itself once somebody has made room: nobody need start it again."""
    if room.enough(home.path):
        return
    say(f"{_full(home.path)}; it starts by itself then")
    while not room.enough(home.path):
        time.sleep(_TROUBLE)


def _full(folder: Path) -> str:
    return (
        f"the disk with {folder} is full: {room.free(folder) >> 20} MB are left, and no run begins or goes on "
        f"until there are {room.NEEDED >> 20}: free some"
    )


async def _watch_disk(folder: Path) -> None:
    """Say that the disk is nearly full, then that it is, each once a minute; and that there is room again."""
    said, at = "", 0.0
    while True:
        free = room.free(folder)
        text = "full" if free < room.NEEDED else "low" if free < _LOW else ""
        if text != said or (text and time.monotonic() - at > 60):
            if text == "full":
                _LOG.error("%s", _full(folder))
            elif text:
                _LOG.error("the disk with %s has %d MB left: free some before it is full", folder, free >> 20)
            else:
                _LOG.warning("the disk with %s has room again", folder)
            said, at = text, time.monotonic()
        await asyncio.sleep(_TROUBLE)


__all__ = ["WorkerProcess", "up"]
