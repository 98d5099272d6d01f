"""The broker as a process of its own: how the service starts it, and what it does first."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import Popen
from typing import Final

from pydantic import SecretStr

from tenantry import dumps, logs, tether
from tenantry.broker.client import Supervisor, new_supervisor_secret
from tenantry.broker.server import Broker
from tenantry.errors import BrokerUnavailable, InvalidInput, TenantryError
from tenantry.home import Home
from tenantry.masterkey import Passphrase
from tenantry.secretstore import StoreOpener

__all__ = ["BrokerProcess", "main"]

START_TIMEOUT: Final = 30.0
"""Seconds: Argon2id takes a second or so, and machines are slow."""
_PR_SET_DUMPABLE: Final = 4


class BrokerProcess:
    """Starts the broker tethered to this process, and starts it again with the same secret, so that tokens stay good.

    Args:
        home: whose vault.
        passphrase: of the vault; kept in memory so that a broker that died can be started again without a person. With a key
            file the key is read by the broker alone.
        environment: the broker's, below TENANTRY_HOME.
        module: what is run; one that calls `main` with a way to the estate's secret stores, where there are any.
    """

    def __init__(
        self,
        home: Home,
        passphrase: Passphrase | None = None,
        environment: Mapping[str, str] = os.environ,
        module: str = "tenantry.broker",
    ) -> None:
        self._home = home
        self._module = module
        self._passphrase = passphrase() if passphrase is not None else None
        # The descriptor of a passphrase is not inherited, and cannot be read twice.
        left_out = ("TENANTRY_PASSPHRASE_FD", "TENANTRY_BROKER_")
        self._environment = {k: v for k, v in environment.items() if not k.startswith(left_out)}
        self._secret = new_supervisor_secret()
        self._process: Popen[bytes] | None = None

    @property
    def path(self) -> Path:
        """The socket."""
        return self._home.broker_socket

    @property
    def process(self) -> Popen[bytes] | None:
        """While it is meant to run."""
        return self._process

    def supervisor(self) -> Supervisor:
        """A hand on it; close it when done."""
        return Supervisor(self.path, self._secret)

    @property
    def secret(self) -> SecretStr:
        """For a process of the service that makes grants itself, such as a worker: `Supervisor` (path, secret). Never for a
        child that carries a run."""
        return self._secret

    def start(self) -> Supervisor:
        """Start it; returns once it answers.

        Raises:
            BrokerUnavailable: it ended, or does not answer; its log says why.
        """
        log = self._home.run / "broker.log"
        environment = {**self._environment, "TENANTRY_HOME": str(self._home.path)}
        self._process = tether.spawn([self._module], environment=environment, log=log)
        log.chmod(0o600)
        self._hand_over(self._process)
        deadline = time.monotonic() + START_TIMEOUT
        hand = Supervisor(self.path, self._secret, patience=0.0)
        try:
            while True:
                if self._process.poll() is not None:
                    raise BrokerUnavailable(
                        f"the vault broker ended with code {self._process.returncode}",
                        remedy="run/broker.log in TENANTRY_HOME says why.",
                    )
                with contextlib.suppress(BrokerUnavailable):
                    hand.info()
                    return self.supervisor()
                if time.monotonic() > deadline:
                    self.stop()
                    raise BrokerUnavailable(f"the vault broker did not answer within {START_TIMEOUT:g} s")
                time.sleep(0.02)
        finally:
            hand.close()

    def _hand_over(self, process: Popen[bytes]) -> None:
        passphrase = self._passphrase.get_secret_value() if self._passphrase is not None else None
        line = json.dumps({"supervisor": self._secret.get_secret_value(), "passphrase": passphrase})
        # Nothing to write to: it has ended already, and `start` says so.
        with contextlib.suppress(BrokenPipeError):
            if process.stdin is not None:
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()

    def restart(self) -> Supervisor:
        """Start it again after it ended by itself. Tokens stay good.

        Raises:
            BrokerUnavailable.
        """
        if self._process is not None:
            tether.stop(self._process)
        return self.start()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            tether.stop(self._process)
            self._process = None


def main(stores: Callable[[Home], StoreOpener] | None = None) -> int:
    """``python -m tenantry.broker``: reads one line of JSON from standard input (``supervisor``, ``passphrase``), then serves
    until its parent ends.

    Args:
        stores: gives a home's way to the estate's secret stores.

    Returns:
        exit code: 0, or 4 when it cannot serve; why stands on standard error.
    """
    _close_to_others()
    logs.configure()
    try:
        supervisor, passphrase = _first_line()
        tether.hold()
        home = Home.locate().ensure()
        with Broker(home, supervisor, passphrase, stores=stores(home) if stores else None) as broker:
            asyncio.run(_serve(broker))
    except TenantryError as error:
        logging.getLogger(__name__).exception("%s %s", error.message, error.remedy, extra={"error_code": error.code})
        return 4
    return 0


async def _serve(broker: Broker) -> None:
    serving = asyncio.create_task(broker.serve())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _first_line() -> tuple[SecretStr, Passphrase | None]:
    line = bytearray()
    # Byte by byte: what follows on this descriptor is the tether's.
    while len(line) < 65_536 and (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    try:
        given = json.loads(line)
        supervisor, passphrase = SecretStr(given["supervisor"]), given["passphrase"]
    except (ValueError, TypeError, KeyError):
        raise InvalidInput("the broker is started by the service", place="standard input") from None
    if len(supervisor.get_secret_value()) < 32:
        raise InvalidInput("the service's secret is too short", place="standard input")
    return supervisor, None if passphrase is None else lambda: SecretStr(passphrase)


def _close_to_others() -> None:
    """No core dump, and no tracing or reading of memory by other processes of this account (prctl(2), PR_SET_DUMPABLE)."""
    os.umask(0o077)
    dumps.forbid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
