"""Connections that cost more than they are worth, over real sockets in front of a real uvicorn."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from console.web import wire
from console.web.app import application
from tests.support.waiting import until

WHOLE = b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def serving() -> Iterator[int]:
    async def ok(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    listening = socket.create_server(("127.0.0.1", 0))
    app = application([Route("/ok", ok)], tls=False)
    server = uvicorn.Server(uvicorn.Config(app, http=wire.Prompt, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        until(lambda: server.started, "it does not serve")
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def connected(stack: ExitStack, port: int) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))


def status(one: socket.socket) -> int:
    said = one.recv(4_096)
    return int(said.split()[1]) if said else 0


def test_headers_that_do_not_come_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEADERS_S", 0.3)
    with serving() as port, ExitStack() as stack:
        silent, begun, after = (connected(stack, port) for _ in range(3))
        begun.sendall(WHOLE[:20])
        after.sendall(WHOLE)
        assert status(after) == 200
        after.sendall(WHOLE[:20])  # the beginning of a second one
        for one in (silent, begun, after):
            assert status(one) == 408
            assert one.recv(10) == b"", "and closed"
        again = connected(stack, port)
        again.sendall(WHOLE)
        assert status(again) == 200


def test_one_address_has_so_many_connections_and_gets_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "EACH", 5)
    with serving() as port, ExitStack() as stack:
        with ExitStack() as first:
            held = [connected(first, port) for _ in range(5)]
            for one in held:
                one.sendall(WHOLE)
                assert status(one) == 200
            assert status(connected(stack, port)) == 429
        until(lambda: not wire._open, "connections that have ended count")
        again = connected(stack, port)
        again.sendall(WHOLE)
        assert status(again) == 200
    until(lambda: not wire._open, "connections that have ended count")
