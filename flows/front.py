"""The process that faces the network, kept up by the service: it has a socket, a token that gives nothing away, and no key.

Its module stands above this layer and is named by who starts the service. The socket is the supervisor's and handed down, so whoever
calls while the process starts again waits. Its port stays the same from one start to the next, because links with it are out there.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from subprocess import Popen
from typing import Final

from flows.outside import Door, Outside
from tenantry import tether
from tenantry.broker import BrokerProcess
from tenantry.errors import BrokerUnavailable, InvalidInput, NotAuthenticated
from tenantry.home import Home

__all__ = ["Front", "Listening", "listen"]

_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""Of the environment: what an interpreter needs. Where the home is, and every key in a variable, is not its business."""


class Listening:
    """A socket that listens, and the address by which people reach it."""

    def __init__(self, listening: socket.socket, url: str, door: Door | None) -> None:
        self.socket = listening
        self.url = url
        self.door = door


def listen(home: Home, outside: Outside | None, port: int | None) -> Listening:
    """Listen where the service is reached.

    Args:
        outside: beyond loopback; None for 127.0.0.1.
        port: the configured one; the one of the last start, or else a free one, when None.

    Raises:
        InvalidInput: the configured port is taken.
    """
    for number in (port,) if port is not None else (_last_port(home), None):
        try:
            return _listen(outside, number)
        except InvalidInput:
            if number is None or port is not None:
                raise
    raise InvalidInput("no port is free", place="--console-port")


def _listen(outside: Outside | None, port: int | None) -> Listening:
    if outside is not None:
        door = outside.open(port)
        return Listening(door.socket, door.url, door)
    try:
        made = socket.create_server(("127.0.0.1", port or 0))
    except OSError as error:
        raise InvalidInput(f"cannot listen on port {port} ({error.strerror})", place="--console-port") from error
    return Listening(made, f"http://127.0.0.1:{made.getsockname()[1]}", None)


def _last_port(home: Home) -> int | None:
    try:
        port = json.loads(home.console_file.read_text(encoding="utf-8"))["port"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return port if isinstance(port, int) and 0 < port < 65536 else None


class Front:
    """Starts the process tethered to this one.

    Args:
        module: of the console, run as ``python -m``.
        broker: gives it its token.
        proxies: addresses of reverse proxies before it (`tenantry.estate.ServiceSettings`).
    """

    def __init__(
        self,
        home: Home,
        module: str,
        listening: Listening,
        broker: BrokerProcess,
        environment: Mapping[str, str] = os.environ,
        proxies: Iterable[str] = (),
    ) -> None:
        self._home = home
        self._proxies = list(proxies)
        self._module = module
        self._listening = listening
        self._broker = broker
        self._environment = {name: environment[name] for name in _KEPT if name in environment}
        self.process: Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._listening.url

    def start(self) -> None:
        """Returns once it was told what it needs.

        Raises:
            BrokerUnavailable: nobody can give it a token now.
        """
        log = self._home.run / "console.log"
        descriptor = self._listening.socket.fileno()
        process = tether.spawn([self._module], environment=self._environment, log=log, descriptors=[descriptor])
        self.process = process
        log.chmod(0o600)
        door = self._listening.door
        with contextlib.closing(self._broker.supervisor()) as hand:
            try:
                token = hand.grant_console(pid=process.pid)
            except NotAuthenticated:
                raise BrokerUnavailable("the console ended before it was given its token") from None
        given = {
            "broker": str(self._broker.path),
            "token": token.get_secret_value(),
            "descriptor": descriptor,
            "certificate": str(door.certificate.file) if door else None,
            "key": str(door.certificate.key) if door else None,
            "proxies": self._proxies,
            "alerts": str(self._home.alerts_db),
            "bell": str(self._home.alerts_bell),
        }
        with contextlib.suppress(BrokenPipeError):  # it has ended already, and is started again
            if process.stdin is not None:
                process.stdin.write(json.dumps(given).encode() + b"\n")
                process.stdin.flush()
        self._announce()

    def _announce(self) -> None:
        """Say where it is, for commands that make links."""
        path = self._home.console_file
        temporary = Path(f"{path}.{os.getpid()}")
        port = self._listening.socket.getsockname()[1]
        temporary.write_text(json.dumps({"url": self.url, "port": port}), encoding="utf-8")
        temporary.replace(path)

    def restart(self) -> None:
        """After it ended by itself."""
        if self.process is not None:
            tether.stop(self.process)
        self.start()

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            tether.stop(self.process)
            self.process = None
