"""``python -m console.web``: the console as a process of the service.

Its first line of input is JSON: ``broker`` (path of the socket), ``token``, ``descriptor`` of the listening socket, which is the
supervisor's, ``url``, and ``certificate`` and ``key`` (files) where it is reached beyond loopback; ``proxies``: addresses of reverse
proxies whose word on a caller's address counts; ``alerts`` and ``bell``: where alerts are kept, and what wakes who works on them. Afterwards the input is the tether.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import uvicorn
from pydantic import SecretStr

from console.web import alerts, drop
from console.web.app import application
from console.web.wire import behind
from flows import interpreter
from flows.outside import keep_current
from integrations.aws.sns import fetch
from tenantry import dumps, logs, tether
from tenantry.broker import ConsoleHand
from tenantry.tls import Certificate

_UNKNOWN: Final = 75
"""Exit code (EX_TEMPFAIL): the broker no longer knows this process."""
_CONNECTIONS: Final = 256
_BEHIND: Final = 5
"""By how much less the processor is this process's (nice(2)): in a storm of alerts what an attacker is shut out by goes first."""


class _Server(uvicorn.Server):
    """Signals are this module's to handle."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def main() -> int:
    """Returns the exit code: 0 when it was told to end."""
    os.umask(0o077)
    os.nice(_BEHIND)
    dumps.forbid()
    logs.configure()
    given = _first_line()
    tether.hold()
    interpreter.settle()
    return asyncio.run(_serve(given))


async def _serve(given: dict[str, Any]) -> int:
    hand = ConsoleHand(Path(given["broker"]), SecretStr(given["token"]))
    intake = alerts.Intake(hand, Path(given["alerts"]), Path(given["bell"]), fetch)
    tls = given["certificate"] is not None
    proxies: list[str] = given["proxies"]
    ended: list[int] = []

    def rejected() -> None:
        ended.append(_UNKNOWN)
        server.should_exit = True

    config = uvicorn.Config(
        application([*drop.routes(hand, secure=tls), *alerts.routes(intake)], tls=tls, rejected=rejected),
        log_level="error",
        access_log=False,
        server_header=False,
        # What a caller says of its address counts for nothing, but where a proxy says it that estate.yaml names.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        http=behind(proxies),
        ws="none",
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=16_384,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(hand.close)
        stack.callback(intake.close)
        if tls:
            certificate = Certificate.read(Path(given["certificate"]), Path(given["key"]))
            config.load()
            config.ssl = context = certificate.context()
            current = asyncio.create_task(keep_current(certificate, context))
            stack.callback(current.cancel)
        listening = socket.socket(fileno=int(given["descriptor"]))
        listening.setblocking(False)
        await server.serve([listening])
    return ended[0] if ended else 0


def _first_line() -> dict[str, Any]:
    line = bytearray()
    # Byte by byte: what follows on this descriptor is the tether's.
    while len(line) < 65_536 and (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    if not line:
        sys.exit(0)  # whoever started this has ended already
    found: dict[str, Any] = json.loads(line)
    return found


if __name__ == "__main__":
    sys.exit(main())
