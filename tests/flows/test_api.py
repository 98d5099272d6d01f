"""Calls of Prefect's API: tried again while the server is away, and every error is one of ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from flows import api
from flows.server import free_port


@contextmanager
def answering(port: int, statuses: list[int]) -> Iterator[list[str]]:
    """A server that gives these statuses in turn, the last one for ever."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(statuses[min(len(seen), len(statuses)) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def get(port: int) -> int:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/x")
        answer.raise_for_status()
        return answer.status_code


def test_the_family_is_that_of_prefects_client() -> None:
    assert api.errors() is httpx.HTTPError


async def test_a_server_that_is_not_there_is_waited_for() -> None:
    port = free_port()
    calls = 0

    async def call() -> int:
        nonlocal calls
        calls += 1
        if calls < 3:
            return await get(port)
        with answering(port, [200]):
            return await get(port)

    assert await api.patiently(call) == 200
    assert calls == 3


async def test_one_that_stays_away_is_an_error_of_ours() -> None:
    with pytest.raises(api.PrefectUnavailable) as caught:
        await api.patiently(lambda: get(free_port()), patience=0.1)
    assert caught.value.retryable
    assert "ConnectError" in caught.value.message


async def test_busy_is_tried_again_and_refused_is_not() -> None:
    port = free_port()
    with answering(port, [503, 500, 200]) as seen:
        assert await api.patiently(lambda: get(port)) == 200
        assert len(seen) == 3
    with answering(port, [409]) as seen:
        with pytest.raises(api.PrefectRejected, match="409"):
            await api.patiently(lambda: get(port))
        assert len(seen) == 1


async def test_what_is_no_error_of_the_client_passes() -> None:
    async def call() -> int:
        raise socket.gaierror("not an HTTP error")

    with pytest.raises(socket.gaierror):
        await api.patiently(call)
