"""The embedded Prefect server of one home: found when it runs, started when it does not."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Any, Final, Self

from flows import empty_database
from flows.outside import Door
from flows.settings import client_environment, server_environment
from tenantry import tether
from tenantry.errors import TenantryError
from tenantry.home import Home
from tenantry.journal.lease import known_dead, process, this_process


class ServerBusy(Exception):  # not a failure: the caller waits for the server that another process starts
    """Another process starts or runs the home's server."""


START_TIMEOUT: Final = 180.0
"""Seconds: the first start may have to build the database, and machines are slow."""


class ServerFailed(TenantryError):
    """The embedded Prefect server did not come up."""

    code = "server_failed"
    remedy = "Look at run/prefect-server.log in TENANTRY_HOME; a full disk and a taken port are the usual causes."


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it is, and how to sign in.

    Attributes:
        url: on loopback, for this machine's own processes.
        dispatching: a service runs beside it that starts scheduled runs by itself.
        shown: the address that people use.
    """

    url: str
    credential: str
    dispatching: bool
    shown: str

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    def environment(self, home: Home) -> dict[str, str]:
        """What a client process needs."""
        return client_environment(home, self.credential, self.api)


def credential_file(home: Home) -> Path:
    """Where the credential lies, mode 0600."""
    return home.path / "prefect.credential"


def credential(home: Home) -> str:
    """``user:password`` for Prefect's API, generated at first use, readable by the owner alone."""
    path = credential_file(home)
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"tenantry:{secrets.token_urlsafe(24)}")
        try:
            os.link(temporary, path)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text(encoding="ascii").strip()


def find(home: Home, patience: float = 0.0) -> Server | None:
    """The server that runs for this home, if one does and answers.

    Args:
        patience: seconds to wait for one that a service keeps up and that does not answer now: it is being started again.
    """
    deadline = time.monotonic() + patience
    while True:
        found = _announced(home)
        if found is None:
            return None
        url = found["url"]
        server = Server(url, credential(home), bool(found.get("dispatching")), found.get("shown") or url)
        if answers(server):
            return server
        if not server.dispatching or time.monotonic() >= deadline:
            return None
        time.sleep(0.2)


def timeline_page(home: Home, run_id: str) -> str | None:
    """Address of the page with a run's timeline; None when no service runs that serves it."""
    found = _announced(home)
    pages = found.get("pages") if found else None
    return f"{pages}/runs/{run_id}/timeline" if pages else None


def _announced(home: Home) -> dict[str, Any] | None:
    """What the process that runs the server says of it; None when there is none, or it is gone."""
    try:
        found = json.loads(home.server_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return None if not isinstance(found, dict) or known_dead(found["owner"]) else found


def answers(server: Server, timeout: float = 3.0) -> bool:
    """Whether the server is up and takes the credential."""
    token = base64.b64encode(server.credential.encode()).decode()
    request = urllib.request.Request(  # noqa: S310  # our own loopback address
        f"{server.api}/admin/version", headers={"Authorization": f"Basic {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310  # http, loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


class EmbeddedServer:
    """Runs the server as a tethered child for as long as the block lasts.

    Args:
        port: on loopback; a free one when None.
        dispatching: a service runs beside it.
        pages: address of the pages that go with it.
        door: a socket beyond loopback, on which it listens as well.
    """

    def __init__(
        self,
        home: Home,
        *,
        port: int | None = None,
        dispatching: bool = False,
        pages: str | None = None,
        door: Door | None = None,
    ) -> None:
        self._home = home
        self._door = door
        self._port = port
        self._dispatching = dispatching
        self._pages = pages
        self._process: Popen[bytes] | None = None

    def start(self) -> Server:
        """Returns once it answers.

        Raises:
            ServerBusy: one runs, or is being started.
            ServerFailed: it ended, or did not answer in time.
        """
        # Inherited by the server, so it is held for as long as that lives: two servers would share one database.
        lock = _locked(self._home.run / "server.lock", fcntl.LOCK_EX)
        if lock is None:
            raise ServerBusy
        try:
            return self._start(lock)
        finally:
            os.close(lock)

    def _start(self, lock: int) -> Server:
        port = self._port = self._port or free_port()
        url, door = f"http://127.0.0.1:{port}", self._door
        server = Server(url, credential(self._home), self._dispatching, door.url if door else url)
        log = self._home.run / "prefect-server.log"
        empty_database.lay(self._home)
        environment = server_environment(self._home, server.credential, port, os.environ)
        arguments = [str(port), "service" if self._dispatching else "command"]
        descriptors = [lock]
        if door is not None:
            descriptor = door.socket.fileno()
            arguments += [str(descriptor), str(door.certificate.file), str(door.certificate.key)]
            descriptors.append(descriptor)
        self._process = tether.spawn(
            ["flows.server_process", *arguments], environment=environment, log=log, descriptors=descriptors
        )
        log.chmod(0o600)
        deadline = time.monotonic() + START_TIMEOUT
        while not answers(server):
            if self._process.poll() is not None:
                raise ServerFailed(f"the Prefect server ended with code {self._process.returncode}")
            if time.monotonic() > deadline:
                self.stop()
                raise ServerFailed(f"the Prefect server did not answer within {START_TIMEOUT:g} s")
            time.sleep(0.1)
        self._announce(server)
        return server

    def _announce(self, server: Server) -> None:
        path = self._home.server_file
        temporary = Path(f"{path}.{os.getpid()}")
        temporary.write_text(
            json.dumps(
                {
                    "url": server.url,
                    "shown": server.shown,
                    # A service starts its server again; that of a command lives as long as somebody uses it.
                    "owner": this_process()
                    if self._dispatching
                    else process(self._process.pid if self._process else 0),
                    "dispatching": self._dispatching,
                    "pages": self._pages,
                }
            ),
            encoding="utf-8",
        )
        temporary.replace(path)

    @property
    def process(self) -> Popen[bytes] | None:
        """The server's process while it is meant to run."""
        return self._process

    def restart(self) -> Server:
        """Start it again, at the same address, after it ended by itself.

        Raises:
            ServerFailed.
        """
        if self._process is not None:
            tether.stop(self._process)
        return self.start()

    def stop(self) -> None:
        """End it, and say no longer that it runs."""
        if self._process is None:
            return
        if not self._dispatching:
            unused = _locked(users_file(self._home), fcntl.LOCK_EX)
            if unused is None:
                # Another command uses it: it ends itself when nobody does any more.
                if self._process.stdin is not None:
                    self._process.stdin.close()
                self._process = None
                return
            os.close(unused)
        found = _announced(self._home)
        if found is not None and found["owner"] in (this_process(), process(self._process.pid)):
            self._home.server_file.unlink(missing_ok=True)
        tether.stop(self._process)
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def users_file(home: Home) -> Path:
    """Locked (shared) by every command that uses a server that no service keeps up."""
    return home.run / "server.users"


@contextlib.contextmanager
def using(home: Home) -> Iterator[None]:
    """Say that this process uses the home's server, however this process ends."""
    descriptor = _locked(users_file(home), fcntl.LOCK_SH)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(path: Path, kind: int) -> int | None:
    """A descriptor that holds a lock of the kernel's on a file; None when others hold one that excludes it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
