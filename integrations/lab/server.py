"""The lab over HTTP."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tenantry.errors import Unreachable

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0


class LabServer:
    """Serves a lab from a thread of this process, and so ends with it.

    Args:
        lab: what to serve.
        port: TCP port; 0 takes a free one.
        host: address to listen on; the lab has no access control of its own, so loopback.
    """

    def __init__(self, lab: Lab, port: int = 0, host: str = "127.0.0.1") -> None:
        self._lab = lab
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:port``; the port is known once started."""
        return f"http://{self._host}:{self._port}"

    def start(self) -> LabServer:
        """Start serving; returns when requests are answered. Raises Unreachable when the port cannot be had."""
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        started = threading.Event()
        self._server = _Server(self._lab, started.set)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="lab", daemon=True
        )
        self._thread.start()
        if not started.wait(_START_TIMEOUT_S):
            raise Unreachable(f"the lab did not start on port {self._port}")
        return self

    def stop(self) -> None:
        """Stop serving; open connections are closed."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(_STOP_TIMEOUT_S)
            self._server = self._thread = None

    def __enter__(self) -> LabServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


async def serve(
    lab: Lab, port: int = 0, host: str = "127.0.0.1", *, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serve until cancelled or told to stop by a signal. ``on_ready`` is called with the base URL.

    Raises:
        Unreachable: the port cannot be had.
    """
    listener = _listen(host, port)
    base_url = f"http://{host}:{listener.getsockname()[1]}"
    server = _Server(lab, lambda: on_ready(base_url) if on_ready else None)
    try:
        await server.serve(sockets=[listener])
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # The protocol is named so that asyncio switches Nagle off: an answer in two writes would wait 40 ms otherwise.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unreachable(f"port {port} of {host} cannot be used: {error.strerror}") from error
    return listener


class _Server(uvicorn.Server):
    """A server that says when it has started, and lets the application cut connections."""

    def __init__(self, lab: Lab, on_started: Callable[[], None]) -> None:
        connections = lab.app.connections

        class Protocol(H11Protocol):
            """Tells the application which connection a request came on."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as h11's own
                super().connection_made(transport)
                self._peer = transport.get_extra_info("peername")[:2]
                connections[self._peer] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self._peer, None)
                super().connection_lost(exc)

        super().__init__(
            uvicorn.Config(
                lab.app,
                http=Protocol,
                log_level="error",
                access_log=False,
                lifespan="off",
                timeout_keep_alive=60,
                server_header=False,
            )
        )
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        self._on_started()
