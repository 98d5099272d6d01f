"""Connections that cost more than they are worth, over real sockets in front of a real uvicorn."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse

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
def serving(*proxies: str) -> Iterator[int]:
    """As the console is (`console.web.__main__`); answers who called."""

    async def ok(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.client.host if request.client else "")

    listening = socket.create_server(("127.0.0.1", 0))
    app = application([Route("/ok", ok)], tls=False)
    config = uvicorn.Config(
        app,
        http=wire.behind(proxies),
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        log_level="error",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
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
    """Of the next answer, which is read to its end: its parts may come one by one."""
    said = b""
    while b"\r\n\r\n" not in said:
        if not (more := one.recv(4_096)):
            return 0
        said += more
    head, _, body = said.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += one.recv(length - len(body))
    return int(head.split()[1])


def test_headers_that_do_not_come_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as port, ExitStack() as stack:
        after = connected(stack, port)
        after.sendall(WHOLE)
        assert status(after) == 200
        # From here on, not before: a slow machine must not be late with what has to succeed.
        with monkeypatch.context() as short:
            short.setattr(wire, "HEADERS_S", 0.3)
            silent, begun = (connected(stack, port) for _ in range(2))
            begun.sendall(WHOLE[:20])
            after.sendall(WHOLE)
            assert status(after) == 200
            after.sendall(WHOLE[:20])  # the beginning of another
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


def test_a_proxy_that_is_trusted_is_not_one_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "EACH", 2)
    said = WHOLE.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n")

    def answered(one: socket.socket) -> str:
        one.sendall(said)
        answer = HTTPResponse(one)
        answer.begin()
        return answer.read().decode()

    with serving("127.0.0.1") as port, ExitStack() as stack:
        assert [answered(connected(stack, port)) for _ in range(5)] == ["203.0.113.9"] * 5
    until(lambda: not wire._open, "connections that have ended count")
    with serving("192.0.2.7") as port, ExitStack() as stack:  # nobody else may say who calls, or have more
        assert [answered(connected(stack, port)) for _ in range(2)] == ["127.0.0.1"] * 2
        assert status(connected(stack, port)) == 429
    until(lambda: not wire._open, "connections that have ended count")
