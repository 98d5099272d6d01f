"""The Prefect server as a tethered process: ``python -m flows.server_process PORT service|command [DESCRIPTOR CERTIFICATE KEY]``.

It listens on loopback without TLS, for this machine's own processes; and, where the service is to be reached from elsewhere, on the
socket that it inherits as DESCRIPTOR, with TLS. Settings come from the environment.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn

from flows import interpreter
from flows.outside import App, Message, Receive, Scope, Send, keep_current, with_own_address
from flows.server import users_file
from tenantry import logs, tether
from tenantry.home import Home
from tenantry.tls import Certificate

POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' ws://127.0.0.1:* ws://localhost:*; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
"""Content security policy of Prefect's pages. Both of its UIs call an analytics host, whatever its settings say, and
artifacts may name images anywhere: a browser that shows this machine's runs talks to this machine alone."""

_AGAIN: Final = [(b"retry-after", b"0.1")]
"""Seconds, for a client that met a busy database. Without it Prefect's client sleeps for two, for what takes milliseconds."""

OUTSIDE_POLICY: Final = POLICY.replace(" ws://127.0.0.1:* ws://localhost:*", "")
"""The same for pages that came over TLS, whose 'self' covers their WebSockets (CSP3 §6.7.2.8)."""


def with_policy(inner: App, policy: str = POLICY) -> App:
    """The application, with the policy and what goes with it on every answer over HTTP."""
    headers = [
        (b"content-security-policy", policy.encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                again = _AGAIN if message["status"] == 503 else []
                message = {**message, "headers": [*message.get("headers", []), *headers, *again]}
            await send(message)

        await inner(scope, receive, sending if scope["type"] == "http" else send)

    return app


def application() -> App:
    """Prefect's API and UI, as this home serves them."""
    from prefect.server.api.server import create_app

    from flows import server_database

    server_database.use()
    app: App = create_app()
    return app


class Inside(uvicorn.Server):
    """On loopback. It begins and ends the application, and takes its door along when it is told to end."""

    door: uvicorn.Server | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn has it. What the application is made of stays: looking through it for what nobody needs any more was a seventh
        of what the server did in a burst."""
        await super().startup(sockets)
        interpreter.settle()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn has it, for both."""
        super().handle_exit(sig, frame)
        if self.door is not None:
            self.door.should_exit = True


def _config(app: App, **more: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="error",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        **more,  # type: ignore[arg-type]  # uvicorn's own options
    )


async def serve(port: int, door: tuple[socket.socket, Certificate] | None) -> None:
    """Until a signal ends it."""
    app = application()
    inside = Inside(_config(with_policy(app), host="127.0.0.1", port=port))
    if door is None:
        await inside.serve()
        return
    listening, certificate = door
    config = _config(with_policy(with_own_address(app), OUTSIDE_POLICY), lifespan="off")
    config.load()
    config.ssl = context = certificate.context()
    inside.door = outside = _Silent(config)
    current = asyncio.create_task(keep_current(certificate, context))
    try:
        await asyncio.gather(inside.serve(), _after(inside, outside, listening))
    finally:
        current.cancel()


class _Silent(uvicorn.Server):
    """Takes no signals: the other one does."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Without uvicorn's handlers."""
        await self._serve(sockets)


async def _after(inside: uvicorn.Server, outside: uvicorn.Server, listening: socket.socket) -> None:
    """Take calls once the application has begun."""
    while not inside.started:
        if inside.should_exit:
            return
        await asyncio.sleep(0.05)
    await outside.serve([listening])


def _when_unused() -> None:
    """Whoever started this server is gone: it ends as soon as no other command uses it."""
    with users_file(Home.locate()).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: Sequence[str]) -> None:
    interpreter.begin()
    port, kind, *outside = arguments
    # A service's ends with it: the next one starts its own. A command's stays for the other commands that use it.
    tether.hold(None if kind == "service" else _when_unused)
    door = None
    if outside:
        logs.configure()
        descriptor, file, key = outside
        door = socket.socket(fileno=int(descriptor)), Certificate.read(Path(file), Path(key))
    asyncio.run(serve(int(port), door))


if __name__ == "__main__":
    main(sys.argv[1:])
